;;! enter leave
;; The entry compares the stack pointer with the limit, less the frame; ways in and out do not repeat
;; where arguments are.
(module (import "host" "f" (func $imported (param i32 f64) (result i32)))
  (func $recurse (param i32 f64) (result i32)
    (i32.add (call $recurse (local.get 0) (local.get 1)) (call $imported (local.get 0) (local.get 1)))))

;; CLIF of LeaveFunc(0):
;;   function u0:0(i64 vmctx, i32, f64) -> i32 tail {
;;       ss0 = explicit_slot 16, align = 16
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64, i64, i64, i64) -> i32 system_v
;;       sig1 = (i64) system_v
;;       fn0 = u0:13 sig1
;;       stack_limit = gv2
;;
;;   block0(v0: i64, v1: i32, v2: f64):
;;       v3 = stack_addr.i64 ss0
;;       v4 = uextend.i64 v1
;;       store notrap v4, v3
;;       store notrap v2, v3+8
;;       v5 = load.i64 notrap aligned readonly can_move v0+80
;;       v6 = load.i64 notrap aligned readonly can_move v5+16
;;       v7 = load.i64 notrap aligned readonly can_move v5+24
;;       v8 = load.i64 notrap aligned readonly can_move v0
;;       v9 = call_indirect sig0, v6(v7, v8, v0, v3)
;;       brif v9, block1, block2
;;
;;   block1 cold:
;;       call fn0(v0)
;;       trap user1
;;
;;   block2:
;;       v10 = load.i32 notrap v3
;;       return v10
;;   }

;; CLIF of recurse:
;;   function u0:0(i64 vmctx, i32, f64) -> i32 tail {
;;       region0 = 4 "Vm"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64 vmctx, i32, f64) -> i32 tail
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: f64):
;;   @002a                               v4 = load.i64 notrap aligned readonly can_move v0+72
;;   @002a                               v5 = load.i64 notrap aligned little region0 v4+8
;;   @002a                               v6 = call_indirect sig0, v5(v0, v1, v2)
;;   @0030                               v7 = load.i64 notrap aligned readonly can_move v0+80
;;   @0030                               v8 = load.i64 notrap aligned readonly can_move v7
;;   @0030                               v9 = load.i64 notrap aligned readonly can_move v7+8
;;   @0030                               v10 = load.i64 notrap aligned little region0 v8
;;   @0030                               v11 = call_indirect sig0, v10(v9, v1, v2)
;;   @0032                               v12 = iadd v6, v11
;;   @0033                               jump block1(v12)
;;
;;                                   block1(v3: i32):
;;   @0033                               return v3
;;   }

;; CLIF of Enter(0):
;;   function u0:0(i64, i64 vmctx, i64) tail {
;;       sig0 = (i64 vmctx, i32, f64) -> i32 tail
;;
;;   block0(v0: i64, v1: i64, v2: i64):
;;       v3 = load.i32 notrap v2
;;       v4 = load.f64 notrap v2+8
;;       v5 = call_indirect sig0, v0(v1, v3, v4)
;;       v6 = uextend.i64 v5
;;       store notrap v6, v2
;;       return
;;   }

;; CLIF of LeaveRef(0):
;;   function u0:0(i64 vmctx, i32, f64, i32) -> i32 tail {
;;       ss0 = explicit_slot 16, align = 16
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64, i32, i64) -> i32 system_v
;;       sig1 = (i64) system_v
;;       fn0 = u0:12 sig0
;;       fn1 = u0:13 sig1
;;       stack_limit = gv2
;;
;;   block0(v0: i64, v1: i32, v2: f64, v3: i32):
;;       v4 = stack_addr.i64 ss0
;;       v5 = uextend.i64 v1
;;       store notrap v5, v4
;;       store notrap v2, v4+8
;;       v6 = call fn0(v0, v3, v4)
;;       brif v6, block1, block2
;;
;;   block1 cold:
;;       call fn1(v0)
;;       trap user1
;;
;;   block2:
;;       v7 = load.i32 notrap v4
;;       return v7
;;   }

;; x86-64 of LeaveFunc(0):
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x30
;;     10: cmp r10, rsp
;;     13: ja 0x79
;;     19: sub rsp, 0x20
;;     1d: mov [rsp+0x10], r13
;;     22: mov r13, rdi
;;     25: mov eax, esi
;;     27: lea rcx, [rsp]
;;     2b: mov [rsp], rax
;;     2f: movsd [rsp+0x8], xmm0
;;     35: mov rdx, [rdi+0x50]
;;     39: mov rax, [rdx+0x10]
;;     40: mov rdi, [rdx+0x18]
;;     47: mov rdx, r13
;;     4a: mov rsi, [rdx]
;;     4d: call rax
;;     4f: test eax, eax
;;     51: jne 0x68
;;     57: mov eax, [rsp]
;;     5a: mov r13, [rsp+0x10]
;;     5f: add rsp, 0x20
;;     63: mov rsp, rbp
;;     66: pop rbp
;;     67: ret
;;     68: mov rax, 0x0                           ; Unwind
;;     72: mov rdi, r13
;;     75: call rax
;;     77: ud2                                    ; traps: unreachable
;;     79: ud2                                    ; traps: call stack exhausted

;; x86-64 of recurse:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x40
;;     10: cmp r10, rsp
;;     13: ja 0x79
;;     19: sub rsp, 0x30
;;     1d: mov [rsp+0x10], rbx
;;     22: mov [rsp+0x18], r12
;;     27: mov [rsp+0x20], r13
;;     2c: mov r12, rsi
;;     2f: movdqu [rsp], xmm0
;;     34: mov rax, [rdi+0x48]                    ; @002a
;;     38: mov rbx, rdi
;;     3b: mov rcx, [rax+0x8]
;;     3f: call rcx
;;     41: mov r13, rax
;;     44: mov rcx, [rbx+0x50]                    ; @0030
;;     48: mov rax, [rcx]
;;     4b: mov rdx, [rax]
;;     4e: mov rdi, [rcx+0x8]
;;     52: mov rsi, r12
;;     55: movdqu xmm0, [rsp]
;;     5a: call rdx
;;     5c: mov rcx, r13
;;     5f: add eax, ecx                           ; @0032
;;     61: mov rbx, [rsp+0x10]                    ; @0033
;;     66: mov r12, [rsp+0x18]
;;     6b: mov r13, [rsp+0x20]
;;     70: add rsp, 0x30
;;     74: mov rsp, rbp
;;     77: pop rbp
;;     78: ret
;;     79: ud2                                    ; traps: call stack exhausted

;; x86-64 of Enter(0):
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: sub rsp, 0x10
;;      8: mov [rsp], r12
;;      c: mov rax, rdi
;;      f: mov rdi, rsi
;;     12: mov esi, [rdx]
;;     14: movsd xmm0, [rdx+0x8]
;;     19: mov r12, rdx
;;     1c: call rax
;;     1e: mov edi, eax
;;     20: mov rdx, r12
;;     23: mov [rdx], rdi
;;     26: mov r12, [rsp]
;;     2a: add rsp, 0x10
;;     2e: mov rsp, rbp
;;     31: pop rbp
;;     32: ret

;; x86-64 of LeaveRef(0):
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x30
;;     10: cmp r10, rsp
;;     13: ja 0x72
;;     19: sub rsp, 0x20
;;     1d: mov [rsp+0x10], r12
;;     22: mov rcx, rdx
;;     25: mov r12, rdi
;;     28: mov r10d, esi
;;     2b: lea rdx, [rsp]
;;     2f: mov [rsp], r10
;;     33: movsd [rsp+0x8], xmm0
;;     39: mov rax, 0x0                           ; CallRef
;;     43: mov rsi, rcx
;;     46: call rax
;;     48: test eax, eax
;;     4a: jne 0x61
;;     50: mov eax, [rsp]
;;     53: mov r12, [rsp+0x10]
;;     58: add rsp, 0x20
;;     5c: mov rsp, rbp
;;     5f: pop rbp
;;     60: ret
;;     61: mov rax, 0x0                           ; Unwind
;;     6b: mov rdi, r12
;;     6e: call rax
;;     70: ud2                                    ; traps: unreachable
;;     72: ud2                                    ; traps: call stack exhausted

;;! enter leave
;; The entry compares the stack pointer with the limit, less the frame; ways in and out do not repeat
;; where arguments are.
(module (import "host" "f" (func $imported (param i32 f64) (result i32)))
  (func $recurse (param i32 f64) (result i32)
    (i32.add (call $recurse (local.get 0) (local.get 1)) (call $imported (local.get 0) (local.get 1)))))

;; CLIF of LeaveFunc(0):
;;   function u0:0(i64 vmctx, i32, f64) -> i32 tail {
;;       ss0 = explicit_slot 16, align = 16
;;       sig0 = (i64, i64, i64, i64) -> i32 system_v
;;       sig1 = (i64) system_v
;;       fn0 = u0:13 sig1
;;
;;   block0(v0: i64, v1: i32, v2: f64):
;;       v3 = stack_addr.i64 ss0
;;       v4 = uextend.i64 v1
;;       store notrap v4, v3
;;       store notrap v2, v3+8
;;       v5 = load.i64 notrap aligned readonly can_move v0
;;       v6 = get_frame_pointer.i64
;;       store notrap aligned v6, v5+72
;;       v7 = load.i64 notrap aligned readonly can_move v0+80
;;       v8 = load.i64 notrap aligned readonly can_move v7+16
;;       v9 = load.i64 notrap aligned readonly can_move v7+24
;;       v10 = load.i64 notrap aligned readonly can_move v0
;;       v11 = call_indirect sig0, v8(v9, v10, v0, v3)
;;       brif v11, block1, block2
;;
;;   block1 cold:
;;       call fn0(v0)
;;       trap user1
;;
;;   block2:
;;       v12 = load.i32 notrap v3
;;       return v12
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
;;       sig0 = (i64, i32, i64) -> i32 system_v
;;       sig1 = (i64) system_v
;;       fn0 = u0:12 sig0
;;       fn1 = u0:13 sig1
;;
;;   block0(v0: i64, v1: i32, v2: f64, v3: i32):
;;       v4 = stack_addr.i64 ss0
;;       v5 = uextend.i64 v1
;;       store notrap v5, v4
;;       store notrap v2, v4+8
;;       v6 = load.i64 notrap aligned readonly can_move v0
;;       v7 = get_frame_pointer.i64
;;       store notrap aligned v7, v6+72
;;       v8 = call fn0(v0, v3, v4)
;;       brif v8, block1, block2
;;
;;   block1 cold:
;;       call fn1(v0)
;;       trap user1
;;
;;   block2:
;;       v9 = load.i32 notrap v4
;;       return v9
;;   }

;; x86-64 of LeaveFunc(0):
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: sub rsp, 0x20
;;      8: mov [rsp+0x10], r14
;;      d: mov eax, esi
;;      f: lea rcx, [rsp]
;;     13: mov [rsp], rax
;;     17: movsd [rsp+0x8], xmm0
;;     1d: mov rax, rbp
;;     20: mov rsi, [rdi]
;;     23: mov [rsi+0x48], rax
;;     27: mov rax, [rdi+0x50]
;;     2b: mov r14, rdi
;;     2e: mov r8, [rax+0x10]
;;     35: mov rdi, [rax+0x18]
;;     3c: mov rdx, r14
;;     3f: call r8
;;     42: test eax, eax
;;     44: jne 0x5b
;;     4a: mov eax, [rsp]
;;     4d: mov r14, [rsp+0x10]
;;     52: add rsp, 0x20
;;     56: mov rsp, rbp
;;     59: pop rbp
;;     5a: ret
;;     5b: mov rax, 0x0                           ; Unwind
;;     65: mov rdi, r14
;;     68: call rax
;;     6a: ud2                                    ; traps: unreachable

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
;;      4: sub rsp, 0x20
;;      8: mov [rsp+0x10], r13
;;      d: mov r8, rdx
;;     10: mov eax, esi
;;     12: lea rdx, [rsp]
;;     16: mov [rsp], rax
;;     1a: movsd [rsp+0x8], xmm0
;;     20: mov rax, rbp
;;     23: mov rcx, [rdi]
;;     26: mov r13, rdi
;;     29: mov [rcx+0x48], rax
;;     2d: mov rax, 0x0                           ; CallRef
;;     37: mov rsi, r8
;;     3a: call rax
;;     3c: test eax, eax
;;     3e: jne 0x55
;;     44: mov eax, [rsp]
;;     47: mov r13, [rsp+0x10]
;;     4c: add rsp, 0x20
;;     50: mov rsp, rbp
;;     53: pop rbp
;;     54: ret
;;     55: mov rax, 0x0                           ; Unwind
;;     5f: mov rdi, r13
;;     62: call rax
;;     64: ud2                                    ; traps: unreachable

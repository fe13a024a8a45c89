;;! guarded
;; Growing is a call; the length is read anew behind it, and a failure of the host ends the guest.
(module (memory 1)
  (func $grow (param i32) (result i32)
    (drop (memory.grow (local.get 0)))
    (memory.size)))

;; CLIF of grow:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       region0 = 4 "Vm"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64, i32, i64) -> i64 system_v
;;       sig1 = (i64) system_v
;;       fn0 = u0:0 sig0
;;       fn1 = u0:13 sig1
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0020                               v3 = uextend.i64 v1
;;   @0020                               v4 = iconst.i32 0
;;   @0020                               v5 = call fn0(v0, v4, v3)  ; v4 = 0
;;   @0020                               v6 = iconst.i64 -2
;;   @0020                               v7 = icmp eq v5, v6  ; v6 = -2
;;   @0020                               brif v7, block2, block3
;;
;;                                   block2 cold:
;;   @0020                               call fn1(v0)
;;   @0020                               trap user1
;;
;;                                   block3:
;;   @0020                               v8 = ireduce.i32 v5
;;   @0023                               v9 = load.i64 notrap aligned little region0 v0+16
;;   @0023                               v10 = iconst.i64 16
;;   @0023                               v11 = ushr v9, v10  ; v10 = 16
;;   @0023                               v12 = ireduce.i32 v11
;;   @0025                               jump block1(v12)
;;
;;                                   block1(v2: i32):
;;   @0025                               return v2
;;   }

;; x86-64 of grow:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x20
;;     10: cmp r10, rsp
;;     13: ja 0x6b
;;     19: sub rsp, 0x10
;;     1d: mov [rsp], r12
;;     21: mov rax, rsi
;;     24: mov r12, rdi
;;     27: xor esi, esi                           ; @0020
;;     29: mov edx, eax
;;     2b: mov r10, 0x0                           ; MemoryGrow
;;     35: call r10
;;     38: cmp rax, 0xfffffffffffffffe
;;     3c: je 0x5a
;;     42: mov rdi, r12
;;     45: mov rax, [rdi+0x10]                    ; @0023
;;     49: shr rax, 0x10
;;     4d: mov r12, [rsp]                         ; @0025
;;     51: add rsp, 0x10
;;     55: mov rsp, rbp
;;     58: pop rbp
;;     59: ret
;;     5a: mov rdi, r12
;;     5d: mov rax, 0x0                           ; @0020, Unwind
;;     67: call rax
;;     69: ud2                                    ; traps: unreachable
;;     6b: ud2                                    ; traps: call stack exhausted

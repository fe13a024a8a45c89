;;! off
;; What lives across a call is in the frame meanwhile, and read again behind it.
(module
  (type $t (struct (field (mut i32))))
  (func $callee)
  (func $live (param (ref $t)) (result i32)
    (call $callee)
    (struct.get $t 0 (local.get 0))))

;; CLIF of callee:
;;   function u0:0(i64 vmctx) tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64):
;;   @0022                               jump block1
;;
;;                                   block1:
;;   @0022                               return
;;   }

;; CLIF of live:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       ss0 = explicit_slot 4, align = 4
;;       region0 = 4 "Vm"
;;       region1 = 519 "Heap 2"
;;       region2 = 12 "Spill"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64 vmctx) tail
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;                                       v12 = stack_addr.i64 ss0
;;                                       store notrap aligned region2 v1, v12
;;   @0025                               v3 = load.i64 notrap aligned readonly can_move v0+72
;;   @0025                               v4 = load.i64 notrap aligned little region0 v3
;;   @0025                               call_indirect sig0, v4(v0), stack_map=[i32 @ ss0+0]
;;                                       v10 = stack_addr.i64 ss0
;;                                       v11 = load.i32 notrap aligned region2 v10
;;   @0029                               v5 = uextend.i64 v11
;;   @0029                               v6 = load.i64 notrap aligned readonly can_move v0
;;   @0029                               v7 = load.i64 notrap aligned little region0 v6+32
;;   @0029                               v8 = iadd v7, v5
;;   @0029                               v9 = load.i32 notrap little region1 v8+4
;;   @002d                               jump block1(v9)
;;
;;                                   block1(v2: i32):
;;   @002d                               return v2
;;   }

;; x86-64 of callee:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rsp, rbp                           ; @0022
;;      7: pop rbp
;;      8: ret

;; x86-64 of live:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x30
;;     10: cmp r10, rsp
;;     13: ja 0x51
;;     19: sub rsp, 0x20
;;     1d: mov [rsp+0x10], r12
;;     22: mov [rsp], esi
;;     25: mov r9, [rdi+0x48]                     ; @0025
;;     29: mov r12, rdi
;;     2c: mov r9, [r9]
;;     2f: call r9
;;     32: mov r10d, [rsp]
;;     36: mov r11, [r12]                         ; @0029
;;     3a: mov r11, [r11+0x20]
;;     3e: mov eax, [r11+r10+0x4]
;;     43: mov r12, [rsp+0x10]                    ; @002d
;;     48: add rsp, 0x20
;;     4c: mov rsp, rbp
;;     4f: pop rbp
;;     50: ret
;;     51: ud2                                    ; traps: call stack exhausted

;;! page
;; The entry and each loop read the poll page, each at an offset of its own: at equal ones, one read would
;; stand in for another, and a loop could not be stopped.
(module
  (func $loops (param i32)
    (loop (loop (br_if 0 (local.get 0))) (br_if 0 (local.get 0)))
    (loop (br_if 0 (local.get 0)))))

;; CLIF of loops:
;;   function u0:0(i64 vmctx, i32) tail {
;;       region0 = 5 "Poll"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;                                       v9 -> v1
;;                                       v12 -> v1
;;                                       v8 -> v9
;;                                       v2 = load.i64 notrap aligned readonly can_move v0+96
;;                                       v3 = load.i8 user12 little region0 v2
;;   @0018                               jump block2
;;
;;                                   block2:
;;   @0018                               v4 = load.i64 notrap aligned readonly can_move v0+96
;;   @0018                               v5 = load.i8 user12 little region0 v4+8
;;   @001a                               jump block3
;;
;;                                   block3:
;;   @001a                               v6 = load.i64 notrap aligned readonly can_move v0+96
;;   @001a                               v7 = load.i8 user12 little region0 v6+16
;;   @001e                               brif.i32 v8, block3, block4
;;
;;                                   block4:
;;   @0023                               brif.i32 v8, block2, block5
;;
;;                                   block5:
;;   @0026                               jump block6
;;
;;                                   block6:
;;   @0026                               v10 = load.i64 notrap aligned readonly can_move v0+96
;;   @0026                               v11 = load.i8 user12 little region0 v10+24
;;   @002a                               brif.i32 v12, block6, block7
;;
;;                                   block7:
;;   @002d                               jump block1
;;
;;                                   block1:
;;   @002d                               return
;;   }

;; x86-64 of loops:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rdi, [rdi+0x60]
;;      8: movzx r8, byte ptr [rdi]               ; traps: interrupted
;;      c: movzx r8, byte ptr [rdi+0x8]           ; @0018, traps: interrupted
;;     11: movzx r9, byte ptr [rdi+0x10]          ; @001a, traps: interrupted
;;     16: test esi, esi                          ; @001e
;;     18: jne 0x11
;;     1e: test esi, esi                          ; @0023
;;     20: jne 0xc
;;     26: movzx rax, byte ptr [rdi+0x18]         ; @0026, traps: interrupted
;;     2b: test esi, esi                          ; @002a
;;     2d: jne 0x26
;;     33: mov rsp, rbp                           ; @002d
;;     36: pop rbp
;;     37: ret

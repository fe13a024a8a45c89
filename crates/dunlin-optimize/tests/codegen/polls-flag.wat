;;! flag
;; The entry and each loop compare a word with zero, and call where it is not.
(module
  (func $loops (param i32)
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
;;                                       v10 -> v1
;;                                       v2 = load.i64 notrap aligned readonly can_move v0+88
;;                                       v3 = iconst.i64 0
;;                                       v4 = atomic_load.i64 notrap aligned little region0 v2
;;                                       v5 = icmp eq v4, v3  ; v3 = 0
;;                                       trapnz v5, user12
;;   @0018                               jump block2
;;
;;                                   block2:
;;   @0018                               v6 = load.i64 notrap aligned readonly can_move v0+88
;;   @0018                               v7 = iconst.i64 0
;;   @0018                               v8 = atomic_load.i64 notrap aligned little region0 v6
;;   @0018                               v9 = icmp eq v8, v7  ; v7 = 0
;;   @0018                               trapnz v9, user12
;;   @001c                               brif.i32 v10, block2, block3
;;
;;                                   block3:
;;   @001f                               jump block1
;;
;;                                   block1:
;;   @001f                               return
;;   }

;; x86-64 of loops:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rdi, [rdi+0x58]
;;      8: mov r8, [rdi]
;;      b: test r8, r8
;;      e: je 0x2d
;;     14: mov r8, [rdi]                          ; @0018
;;     17: test r8, r8
;;     1a: je 0x2f
;;     20: test esi, esi                          ; @001c
;;     22: jne 0x14
;;     28: mov rsp, rbp                           ; @001f
;;     2b: pop rbp
;;     2c: ret
;;     2d: ud2                                    ; traps: interrupted
;;     2f: ud2                                    ; @0018, traps: interrupted

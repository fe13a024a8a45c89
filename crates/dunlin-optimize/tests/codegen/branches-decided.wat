;;! v3
;; What one branch has decided is not tested again: the number that it leaves is tested where it comes from.
(module
  (func (param i32 i32) (result i32)
    (if (result i32) (i32.eqz
        (if (result i32) (i32.lt_s (local.get 0) (i32.const 0))
          (then (i32.const 1))
          (else (i32.ge_s (local.get 0) (local.get 1)))))
      (then (i32.const 7))
      (else (i32.const 9)))))

;; CLIF of a function:
;;   function u0:0(i64 vmctx, i32, i32) -> i32 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32):
;;   @001c                               v4 = iconst.i32 0
;;   @001e                               v5 = icmp slt v1, v4  ; v4 = 0
;;   @001e                               v6 = uextend.i32 v5
;;   @001f                               brif v6, block2, block3
;;
;;                                   block2:
;;   @0021                               v8 = iconst.i32 1
;;   @0023                               jump block4(v8)  ; v8 = 1
;;
;;                                   block3:
;;   @0028                               v9 = icmp.i32 sge v1, v2
;;   @0028                               v10 = uextend.i32 v9
;;   @0029                               jump block4(v10)
;;
;;                                   block4(v7: i32):
;;   @002a                               v11 = iconst.i32 0
;;   @002a                               v12 = icmp eq v7, v11  ; v11 = 0
;;   @002a                               v13 = uextend.i32 v12
;;   @002b                               brif v13, block5, block6
;;
;;                                   block5:
;;   @002d                               v15 = iconst.i32 7
;;   @002f                               jump block7(v15)  ; v15 = 7
;;
;;                                   block6:
;;   @0030                               v16 = iconst.i32 9
;;   @0032                               jump block7(v16)  ; v16 = 9
;;
;;                                   block7(v14: i32):
;;   @0033                               jump block1(v14)
;;
;;                                   block1(v3: i32):
;;   @0033                               return v3
;;   }

;; x86-64 of a function:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: test esi, esi                          ; @001f
;;      6: jl 0x1e
;;      c: cmp esi, edx                           ; @002b
;;      e: jge 0x1e
;;     14: mov eax, 0x7                           ; @002d
;;     19: jmp 0x23                               ; @002f
;;     1e: mov eax, 0x9                           ; @0030
;;     23: mov rsp, rbp                           ; @0033
;;     26: pop rbp
;;     27: ret

;;! off
;; A choice without a branch, and one of vectors.
(module
  (func $integers (param i32 i32 i32) (result i32)
    (select (local.get 0) (local.get 1) (i32.lt_s (local.get 0) (local.get 2))))
  (func $floats (param f64 f64 i32) (result f64)
    (select (local.get 0) (local.get 1) (local.get 2))))

;; CLIF of integers:
;;   function u0:0(i64 vmctx, i32, i32, i32) -> i32 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32, v3: i32):
;;   @002b                               v5 = icmp slt v1, v3
;;   @002b                               v6 = uextend.i32 v5
;;   @002c                               v7 = select v6, v1, v2
;;   @002d                               jump block1(v7)
;;
;;                                   block1(v4: i32):
;;   @002d                               return v4
;;   }

;; CLIF of floats:
;;   function u0:0(i64 vmctx, f64, f64, i32) -> f64 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: f64, v2: f64, v3: i32):
;;   @0036                               v5 = select v3, v1, v2
;;   @0037                               jump block1(v5)
;;
;;                                   block1(v4: f64):
;;   @0037                               return v4
;;   }

;; x86-64 of integers:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: cmp esi, ecx
;;      6: mov rax, rdx
;;      9: cmovl eax, esi
;;      c: mov rsp, rbp                           ; @002d
;;      f: pop rbp
;;     10: ret

;; x86-64 of floats:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: test esi, esi                          ; @0036
;;      6: movdqa xmm7, xmm0
;;      a: movdqa xmm0, xmm1
;;      e: je 0x17
;;     14: movaps xmm0, xmm7
;;     17: mov rsp, rbp                           ; @0037
;;     1a: pop rbp
;;     1b: ret

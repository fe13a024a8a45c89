;;! guarded
;; The guard behind a memory catches what is beyond its length: no comparison, and the address of the
;; operand cannot leave what is reserved.
(module (memory 1)
  (func $load (param i32) (result i32) (i32.load offset=8 (local.get 0)))
  (func $store (param i32 i32) (i32.store8 (local.get 0) (local.get 1))))

;; CLIF of load:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       region0 = 1 "Memory"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0026                               v3 = load.i64 notrap aligned readonly can_move v0+8
;;   @0026                               v4 = uextend.i64 v1
;;   @0026                               v5 = iadd v3, v4
;;   @0026                               v6 = load.i32 user2 little region0 v5+8
;;   @0029                               jump block1(v6)
;;
;;                                   block1(v2: i32):
;;   @0029                               return v2
;;   }

;; CLIF of store:
;;   function u0:0(i64 vmctx, i32, i32) tail {
;;       region0 = 1 "Memory"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32):
;;   @0030                               v3 = load.i64 notrap aligned readonly can_move v0+8
;;   @0030                               v4 = uextend.i64 v1
;;   @0030                               v5 = iadd v3, v4
;;   @0030                               istore8 user2 little region0 v2, v5
;;   @0033                               jump block1
;;
;;                                   block1:
;;   @0033                               return
;;   }

;; x86-64 of load:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r8, rsi
;;      7: mov rsi, [rdi+0x8]                     ; @0026
;;      b: mov rdi, r8
;;      e: mov edi, edi
;;     10: mov eax, [rsi+rdi+0x8]                 ; traps: out of bounds memory access
;;     14: mov rsp, rbp                           ; @0029
;;     17: pop rbp
;;     18: ret

;; x86-64 of store:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r8, rsi
;;      7: mov rsi, [rdi+0x8]                     ; @0030
;;      b: mov rdi, r8
;;      e: mov edi, edi
;;     10: mov [rsi+rdi], dl                      ; traps: out of bounds memory access
;;     13: mov rsp, rbp                           ; @0033
;;     16: pop rbp
;;     17: ret

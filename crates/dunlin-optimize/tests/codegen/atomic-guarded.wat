;;! guarded
;; An aligned address needs no more than a guard: the machine's own atomic instructions do the rest.
(module (memory 1 2 shared)
  (func $load (param i32) (result i32) (i32.atomic.load offset=8 (local.get 0)))
  (func $store (param i32 i64) (i64.atomic.store8 (local.get 0) (local.get 1)))
  (func $add (param i32 i32) (result i32) (i32.atomic.rmw.add (local.get 0) (local.get 1)))
  (func $cmpxchg (param i32 i32 i32) (result i32)
    (i32.atomic.rmw16.cmpxchg_u offset=2 (local.get 0) (local.get 1) (local.get 2))))

;; CLIF of load:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       region0 = 6 "Shared"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0036                               v3 = iconst.i32 3
;;   @0036                               v4 = band v1, v3  ; v3 = 3
;;   @0036                               trapnz v4, user23
;;   @0036                               v5 = load.i64 notrap aligned readonly can_move v0+8
;;   @0036                               v6 = uextend.i64 v1
;;   @0036                               v7 = iadd v5, v6
;;   @0036                               v8 = iconst.i64 8
;;   @0036                               v9 = iadd v7, v8  ; v8 = 8
;;   @0036                               v10 = atomic_load.i32 user2 little region0 v9
;;   @003a                               jump block1(v10)
;;
;;                                   block1(v2: i32):
;;   @003a                               return v2
;;   }

;; CLIF of store:
;;   function u0:0(i64 vmctx, i32, i64) tail {
;;       region0 = 6 "Shared"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i64):
;;   @0041                               v3 = ireduce.i8 v2
;;   @0041                               v4 = load.i64 notrap aligned readonly can_move v0+8
;;   @0041                               v5 = uextend.i64 v1
;;   @0041                               v6 = iadd v4, v5
;;   @0041                               atomic_store user2 little region0 v3, v6
;;   @0045                               jump block1
;;
;;                                   block1:
;;   @0045                               return
;;   }

;; CLIF of add:
;;   function u0:0(i64 vmctx, i32, i32) -> i32 tail {
;;       region0 = 6 "Shared"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32):
;;   @004c                               v4 = iconst.i32 3
;;   @004c                               v5 = band v1, v4  ; v4 = 3
;;   @004c                               trapnz v5, user23
;;   @004c                               v6 = load.i64 notrap aligned readonly can_move v0+8
;;   @004c                               v7 = uextend.i64 v1
;;   @004c                               v8 = iadd v6, v7
;;   @004c                               v9 = atomic_rmw.i32 add v8, v2
;;   @0050                               jump block1(v9)
;;
;;                                   block1(v3: i32):
;;   @0050                               return v3
;;   }

;; CLIF of cmpxchg:
;;   function u0:0(i64 vmctx, i32, i32, i32) -> i32 tail {
;;       region0 = 6 "Shared"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32, v3: i32):
;;   @0059                               v5 = ireduce.i16 v3
;;   @0059                               v6 = ireduce.i16 v2
;;   @0059                               v7 = iconst.i32 1
;;   @0059                               v8 = band v1, v7  ; v7 = 1
;;   @0059                               trapnz v8, user23
;;   @0059                               v9 = load.i64 notrap aligned readonly can_move v0+8
;;   @0059                               v10 = uextend.i64 v1
;;   @0059                               v11 = iadd v9, v10
;;   @0059                               v12 = iconst.i64 2
;;   @0059                               v13 = iadd v11, v12  ; v12 = 2
;;   @0059                               v14 = atomic_cas v13, v6, v5
;;   @0059                               v15 = uextend.i32 v14
;;   @005d                               jump block1(v15)
;;
;;                                   block1(v4: i32):
;;   @005d                               return v4
;;   }

;; x86-64 of load:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: test esi, 0x3                          ; @0036
;;      a: jne 0x21
;;     10: mov rdi, [rdi+0x8]
;;     14: mov r8d, esi
;;     17: mov eax, [rdi+r8+0x8]                  ; traps: out of bounds memory access
;;     1c: mov rsp, rbp                           ; @003a
;;     1f: pop rbp
;;     20: ret
;;     21: ud2                                    ; @0036, traps: unaligned atomic

;; x86-64 of store:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r8, rsi
;;      7: mov rsi, [rdi+0x8]                     ; @0041
;;      b: mov rdi, r8
;;      e: mov edi, edi
;;     10: mov [rsi+rdi], dl                      ; traps: out of bounds memory access
;;     13: mfence
;;     16: mov rsp, rbp                           ; @0045
;;     19: pop rbp
;;     1a: ret

;; x86-64 of add:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: test esi, 0x3                          ; @004c
;;      a: jne 0x25
;;     10: mov r8, [rdi+0x8]
;;     14: mov r9d, esi
;;     17: mov rax, rdx
;;     1a: lock xadd [r8+r9], eax                 ; traps: out of bounds memory access
;;     20: mov rsp, rbp                           ; @0050
;;     23: pop rbp
;;     24: ret
;;     25: ud2                                    ; @004c, traps: unaligned atomic

;; x86-64 of cmpxchg:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: test esi, 0x1                          ; @0059
;;      a: jne 0x2a
;;     10: mov r10, [rdi+0x8]
;;     14: mov r11d, esi
;;     17: mov rax, rdx
;;     1a: lock cmpxchg [r10+r11+0x2], cx         ; traps: out of bounds memory access
;;     22: movzx eax, ax
;;     25: mov rsp, rbp                           ; @005d
;;     28: pop rbp
;;     29: ret
;;     2a: ud2                                    ; @0059, traps: unaligned atomic

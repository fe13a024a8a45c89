;;! explicit
;; Other threads may grow a shared memory at any time: its length is read atomically, in every round of a loop,
;; and no pass of ours takes the accesses together.
(module (memory 1 2 shared)
  (func $fill (param $at i32) (param $end i32)
    (loop
      (i32.store8 (local.get $at) (i32.const 7))
      (br_if 0 (i32.ne
        (local.tee $at (i32.add (local.get $at) (i32.const 1)))
        (local.get $end))))))

;; CLIF of fill:
;;   function u0:0(i64 vmctx, i32, i32) tail {
;;       region0 = 4 "Vm"
;;       region1 = 6 "Shared"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32):
;;                                       v21 -> v2
;;   @001f                               jump block2(v1)
;;
;;                                   block2(v3: i32):
;;   @0023                               v4 = iconst.i32 7
;;   @0025                               v5 = load.i64 notrap aligned readonly can_move v0+8
;;   @0025                               v6 = load.i64 notrap aligned readonly can_move v0+48
;;   @0025                               v7 = load.i64 notrap aligned readonly can_move v6
;;   @0025                               v8 = iconst.i64 8
;;   @0025                               v9 = iadd v7, v8  ; v8 = 8
;;   @0025                               v10 = atomic_load.i64 notrap aligned little region0 v9
;;   @0025                               v11 = uextend.i64 v3
;;   @0025                               v12 = iconst.i64 -1
;;   @0025                               v13 = iadd v10, v12  ; v12 = -1
;;   @0025                               v14 = icmp ugt v11, v13
;;   @0025                               v15 = iconst.i64 0
;;   @0025                               v16 = isub v15, v5  ; v15 = 0
;;   @0025                               v17 = select_spectre_guard v14, v16, v11
;;   @0025                               v18 = iadd v5, v17
;;   @0025                               istore8 user2 little region1 v4, v18  ; v4 = 7
;;   @002a                               v19 = iconst.i32 1
;;   @002c                               v20 = iadd v3, v19  ; v19 = 1
;;   @0031                               v22 = icmp ne v20, v21
;;   @0031                               v23 = uextend.i32 v22
;;   @0032                               brif v23, block2(v20), block3
;;
;;                                   block3:
;;   @0035                               jump block1
;;
;;                                   block1:
;;   @0035                               return
;;   }

;; x86-64 of fill:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, [rdi+0x30]                    ; @0025
;;      8: mov rax, [rax]
;;      b: mov rcx, [rdi+0x8]
;;      f: mov rdi, rcx
;;     12: neg rdi
;;     15: mov r10, [rax+0x8]                     ; @0025
;;     19: mov r8d, 0x7
;;     1f: mov r9d, esi                           ; @0025
;;     22: add r10, 0xffffffffffffffff
;;     29: cmp r9, r10                            ; @0025
;;     2c: cmova r9, rdi
;;     30: mov [rcx+r9], r8b                      ; traps: out of bounds memory access
;;     34: add esi, 0x1
;;     3a: cmp esi, edx                           ; @0032
;;     3c: jne 0x15
;;     42: mov rsp, rbp                           ; @0035
;;     45: pop rbp
;;     46: ret

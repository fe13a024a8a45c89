;;! guarded flag
;; A loop whose step is not known: four turns, each with its test, and one poll.
(module (memory 1)
  (func $strike_out (param $p i32) (param $by i32) (param $end i32)
    (loop $l
      (i32.store8 (local.get $p) (i32.const 0))
      (br_if $l (i32.lt_u (local.tee $p (i32.add (local.get $p) (local.get $by))) (local.get $end))))))

;; CLIF of strike_out:
;;   function u0:0(i64 vmctx, i32, i32, i32) tail {
;;       region0 = 5 "Poll"
;;       region1 = 1 "Memory"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32, v3: i32):
;;                                       v17 -> v2
;;                                       v19 -> v3
;;                                       v4 = load.i64 notrap aligned readonly can_move v0+88
;;                                       v5 = iconst.i64 0
;;                                       v6 = atomic_load.i64 notrap aligned little region0 v4
;;                                       v7 = icmp eq v6, v5  ; v5 = 0
;;                                       trapnz v7, user12
;;   @001f                               jump block2(v1)
;;
;;                                   block2(v12: i32):
;;   @001f                               v8 = load.i64 notrap aligned readonly can_move v0+88
;;   @001f                               v9 = iconst.i64 0
;;   @001f                               v10 = atomic_load.i64 notrap aligned little region0 v8
;;   @001f                               v11 = icmp eq v10, v9  ; v9 = 0
;;   @001f                               trapnz v11, user12
;;   @0023                               v13 = iconst.i32 0
;;   @0025                               v14 = load.i64 notrap aligned readonly can_move v0+8
;;   @0025                               v15 = uextend.i64 v12
;;   @0025                               v16 = iadd v14, v15
;;   @0025                               istore8 user2 little region1 v13, v16  ; v13 = 0
;;   @002c                               v18 = iadd v12, v17
;;   @0031                               v20 = icmp ult v18, v19
;;   @0031                               v21 = uextend.i32 v20
;;   @0032                               brif v21, block2(v18), block3
;;
;;                                   block3:
;;   @0035                               jump block1
;;
;;                                   block1:
;;   @0035                               return
;;   }

;; x86-64 of strike_out:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, [rdi+0x58]
;;      8: mov r8, [rax]
;;      b: test r8, r8
;;      e: je 0x70
;;     14: mov rdi, [rdi+0x8]                     ; @0025
;;     18: mov r8, [rax]                          ; @001f
;;     1b: test r8, r8
;;     1e: je 0x72
;;     24: xor r8d, r8d
;;     27: mov r9d, esi                           ; @0025
;;     2a: mov [rdi+r9], r8b                      ; traps: out of bounds memory access
;;     2e: add esi, edx                           ; @002c
;;     30: cmp esi, ecx                           ; @0032
;;     32: jae 0x6b
;;     38: xor r8d, r8d
;;     3b: mov [rdi+rsi], r8b                     ; @0025, traps: out of bounds memory access
;;     3f: add esi, edx                           ; @002c
;;     41: cmp esi, ecx                           ; @0032
;;     43: jae 0x6b
;;     49: xor r8d, r8d
;;     4c: mov [rdi+rsi], r8b                     ; @0025, traps: out of bounds memory access
;;     50: add esi, edx                           ; @002c
;;     52: cmp esi, ecx                           ; @0032
;;     54: jae 0x6b
;;     5a: xor r8d, r8d
;;     5d: mov [rdi+rsi], r8b                     ; @0025, traps: out of bounds memory access
;;     61: add esi, edx                           ; @002c
;;     63: cmp esi, ecx                           ; @0032
;;     65: jb 0x18
;;     6b: mov rsp, rbp                           ; @0035
;;     6e: pop rbp
;;     6f: ret
;;     70: ud2                                    ; traps: interrupted
;;     72: ud2                                    ; @001f, traps: interrupted

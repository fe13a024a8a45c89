;;! explicit off
;; What hints call rare lies behind the rest: the `then` of the first, what follows the branch of the second
;; up to the end of its block, and what only the unlikely branch of the third leads to.
(module
  (func $step (param i32) (result i32) (i32.mul (local.get 0) (i32.const 7)))

  (func $unlikely-if (param i32) (result i32)
    (@metadata.code.branch_hint "\00")
    (if (result i32) (i32.eqz (local.get 0))
      (then (i32.rotl (i32.const 0x1111) (local.get 0)))
      (else (i32.rotr (i32.const 0x2222) (local.get 0)))))

  (func $likely-br_if (param i32) (result i32)
    (block
      (@metadata.code.branch_hint "\01")
      (br_if 0 (local.get 0))
      (if (i32.const 1)
        (then (local.set 0 (call $step (local.get 0))))))
    (i32.rotr (i32.const 0x2222) (local.get 0)))

  (func $unlikely-br_if (param i32) (result i32)
    (block $done
      (block $rare
        (@metadata.code.branch_hint "\00")
        (br_if $rare (local.get 0))
        (local.set 0 (i32.rotr (i32.const 0x2222) (local.get 0)))
        (br $done))
      (local.set 0 (i32.rotl (i32.const 0x1111) (local.get 0))))
    (local.get 0)))

;; CLIF of step:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @004a                               v3 = iconst.i32 7
;;   @004c                               v4 = imul v1, v3  ; v3 = 7
;;   @004d                               jump block1(v4)
;;
;;                                   block1(v2: i32):
;;   @004d                               return v2
;;   }

;; CLIF of unlikely-if:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0052                               v3 = iconst.i32 0
;;   @0052                               v4 = icmp eq v1, v3  ; v3 = 0
;;   @0052                               v5 = uextend.i32 v4
;;   @0053                               brif v5, block2, block3
;;
;;                                   block2 cold:
;;   @0055                               v7 = iconst.i32 4369
;;   @005a                               v8 = rotl v7, v1  ; v7 = 4369
;;   @005b                               jump block4(v8)
;;
;;                                   block3:
;;   @005c                               v9 = iconst.i32 8738
;;   @0062                               v10 = rotr v9, v1  ; v9 = 8738
;;   @0063                               jump block4(v10)
;;
;;                                   block4(v6: i32):
;;   @0064                               jump block1(v6)
;;
;;                                   block1(v2: i32):
;;   @0064                               return v2
;;   }

;; CLIF of likely-br_if:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       region0 = 4 "Vm"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64 vmctx, i32) -> i32 tail
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @006b                               brif v1, block2(v1), block3
;;
;;                                   block3 cold:
;;   @006d                               v3 = iconst.i32 1
;;   @006f                               brif v3, block4, block5  ; v3 = 1
;;
;;                                   block4 cold:
;;   @0073                               v4 = load.i64 notrap aligned readonly can_move v0+72
;;   @0073                               v5 = load.i64 notrap aligned little region0 v4
;;   @0073                               v6 = call_indirect sig0, v5(v0, v1)
;;   @0077                               jump block6(v6)
;;
;;                                   block5 cold:
;;   @0077                               jump block6(v1)
;;
;;                                   block6(v9: i32) cold:
;;   @0078                               jump block2(v9)
;;
;;                                   block2(v8: i32):
;;   @0079                               v7 = iconst.i32 8738
;;   @007f                               v10 = rotr v7, v8  ; v7 = 8738
;;   @0080                               jump block1(v10)
;;
;;                                   block1(v2: i32):
;;   @0080                               return v2
;;   }

;; CLIF of unlikely-br_if:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0089                               brif v1, block3, block4
;;
;;                                   block4:
;;   @008b                               v3 = iconst.i32 8738
;;   @0091                               v4 = rotr v3, v1  ; v3 = 8738
;;   @0094                               jump block2(v4)
;;
;;                                   block3 cold:
;;   @0097                               v5 = iconst.i32 4369
;;   @009c                               v6 = rotl v5, v1  ; v5 = 4369
;;   @009f                               jump block2(v6)
;;
;;                                   block2(v7: i32):
;;   @00a2                               jump block1(v7)
;;
;;                                   block1(v2: i32):
;;   @00a2                               return v2
;;   }

;; x86-64 of step:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: imul eax, esi, 0x7                     ; @004c
;;      7: mov rsp, rbp                           ; @004d
;;      a: pop rbp
;;      b: ret

;; x86-64 of unlikely-if:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: test esi, esi                          ; @0053
;;      6: je 0x1b
;;      c: mov eax, 0x2222                        ; @005c
;;     11: mov rcx, rsi
;;     14: ror eax, cl                            ; @0062
;;     16: mov rsp, rbp                           ; @0064
;;     19: pop rbp
;;     1a: ret
;;     1b: mov rcx, rsi
;;     1e: mov eax, 0x1111                        ; @0055
;;     23: rol eax, cl                            ; @005a
;;     25: jmp 0x16                               ; @005b

;; x86-64 of likely-br_if:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x10
;;     10: cmp r10, rsp
;;     13: ja 0x41
;;     19: test esi, esi                          ; @006b
;;     1b: je 0x30
;;     21: mov rcx, rsi
;;     24: mov eax, 0x2222                        ; @0079
;;     29: ror eax, cl                            ; @007f
;;     2b: mov rsp, rbp                           ; @0080
;;     2e: pop rbp
;;     2f: ret
;;     30: mov rax, [rdi+0x48]                    ; @0073
;;     34: mov rax, [rax]
;;     37: call rax
;;     39: mov rcx, rax
;;     3c: jmp 0x24                               ; @0078
;;     41: ud2                                    ; traps: call stack exhausted

;; x86-64 of unlikely-br_if:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: test esi, esi                          ; @0089
;;      6: jne 0x1b
;;      c: mov eax, 0x2222                        ; @008b
;;     11: mov rcx, rsi
;;     14: ror eax, cl                            ; @0091
;;     16: mov rsp, rbp                           ; @00a2
;;     19: pop rbp
;;     1a: ret
;;     1b: mov rcx, rsi
;;     1e: mov eax, 0x1111                        ; @0097
;;     23: rol eax, cl                            ; @009c
;;     25: jmp 0x16                               ; @009f

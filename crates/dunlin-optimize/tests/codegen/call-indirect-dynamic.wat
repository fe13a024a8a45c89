;;! off
;; A table that others may write: the index is compared and masked, the reference leads to the function,
;; and its type is compared.
(module (type $t (func (param i32) (result i32)))
  (table (export "table") 2 funcref)
  (func $calls (param i32 i32) (result i32)
    (call_indirect (type $t) (local.get 1) (local.get 0))))

;; CLIF of calls:
;;   function u0:0(i64 vmctx, i32, i32) -> i32 tail {
;;       region0 = 4 "Vm"
;;       region1 = 2 "Table"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64 vmctx, i32) -> i32 tail
;;       sig1 = (i64 vmctx, i32, i32) -> i32 tail
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32):
;;   @0034                               v4 = uextend.i64 v1
;;   @0034                               v5 = load.i64 notrap aligned readonly can_move v0+40
;;   @0034                               v6 = load.i64 notrap aligned readonly can_move v5
;;   @0034                               v7 = load.i64 notrap aligned little region0 v6
;;   @0034                               v8 = load.i64 notrap aligned little region0 v6+8
;;   @0034                               v9 = icmp uge v4, v8
;;   @0034                               trapnz v9, user4
;;   @0034                               v10 = iconst.i64 4
;;   @0034                               v11 = imul v4, v10  ; v10 = 4
;;   @0034                               v12 = iadd v7, v11
;;   @0034                               v13 = iconst.i64 0
;;   @0034                               v14 = select_spectre_guard v9, v13, v12  ; v13 = 0
;;   @0034                               v15 = load.i32 notrap aligned little region1 v14
;;   @0034                               v16 = load.i64 notrap aligned readonly can_move v0
;;   @0034                               v17 = load.i64 notrap aligned little region0 v16+16
;;   @0034                               v18 = uextend.i64 v15
;;   @0034                               v19 = iconst.i64 40
;;   @0034                               v20 = imul v18, v19  ; v19 = 40
;;   @0034                               v21 = iadd v17, v20
;;   @0034                               v22 = load.i64 notrap aligned readonly can_move v0+64
;;   @0034                               v23 = load.i32 notrap aligned readonly can_move v22
;;   @0034                               v24 = load.i32 notrap aligned little region0 v21+24
;;   @0034                               v25 = icmp ne v24, v23
;;   @0034                               brif v25, block2, block3
;;
;;                                   block2 cold:
;;   @0034                               v26 = iconst.i32 0
;;   @0034                               v27 = icmp.i32 eq v15, v26  ; v26 = 0
;;   @0034                               trapnz v27, user5
;;   @0034                               trap user6
;;
;;                                   block3:
;;   @0034                               v28 = load.i64 notrap aligned little region0 v21+16
;;   @0034                               v29 = load.i64 notrap aligned little region0 v21
;;   @0034                               v30 = load.i64 notrap aligned little region0 v28
;;   @0034                               brif v30, block5, block4
;;
;;                                   block5:
;;   @0034                               v32 = call_indirect.i64 sig0, v30(v29, v2)
;;   @0034                               jump block6(v32)
;;
;;                                   block4 cold:
;;   @0034                               v33 = load.i64 notrap aligned readonly can_move v0+72
;;   @0034                               v34 = load.i64 notrap aligned little region0 v33+8
;;   @0034                               v35 = call_indirect sig1, v34(v0, v2, v15)
;;   @0034                               jump block6(v35)
;;
;;                                   block6(v31: i32):
;;   @0037                               jump block1(v31)
;;
;;                                   block1(v3: i32):
;;   @0037                               return v3
;;   }

;; x86-64 of calls:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x10
;;     10: cmp r10, rsp
;;     13: ja 0xa4
;;     19: mov r9, rdx
;;     1c: mov rax, [rdi+0x28]                    ; @0034
;;     20: mov rcx, [rax]
;;     23: mov rax, [rcx]
;;     26: mov rcx, [rcx+0x8]
;;     2a: mov edx, esi
;;     2c: cmp rdx, rcx
;;     2f: jae 0xa6
;;     35: xor rsi, rsi
;;     38: lea rax, [rax+rdx*4]
;;     3c: cmp rdx, rcx
;;     3f: cmovae rax, rsi
;;     43: mov edx, [rax]
;;     45: mov rax, [rdi]
;;     48: mov rax, [rax+0x10]
;;     4c: imul rcx, rdx, 0x28
;;     50: mov esi, [rax+rcx+0x18]
;;     54: mov r8, [rdi+0x40]
;;     58: mov r10, rdi
;;     5b: mov edi, [r8]
;;     5e: cmp esi, edi
;;     60: jne 0x9a
;;     66: mov rsi, [rax+rcx+0x10]
;;     6b: mov rdi, [rax+rcx]
;;     6f: mov rax, [rsi]
;;     72: test rax, rax
;;     75: je 0x85
;;     7b: mov rsi, r9
;;     7e: call rax                               ; @0034
;;     80: mov rsp, rbp                           ; @0037
;;     83: pop rbp
;;     84: ret
;;     85: mov rdi, r10
;;     88: mov rax, [rdi+0x48]                    ; @0034
;;     8c: mov rax, [rax+0x8]
;;     90: mov rsi, r9
;;     93: call rax
;;     95: jmp 0x80
;;     9a: test edx, edx
;;     9c: je 0xa8
;;     a2: ud2                                    ; traps: indirect call type mismatch
;;     a4: ud2                                    ; traps: call stack exhausted
;;     a6: ud2                                    ; @0034, traps: undefined element
;;     a8: ud2                                    ; traps: uninitialized element

;;! off
;; A table that never changes: its elements lie with the code, as the number of the type and that of the
;; function. The index is compared and masked.
(module (type $t (func (param i32) (result i32)))
  (table 2 2 funcref) (elem (i32.const 0) $a $b)
  (func $a (param i32) (result i32) (local.get 0))
  (func $b (param i32) (result i32) (i32.const 1))
  (func $calls (param i32 i32) (result i32)
    (call_indirect (type $t) (local.get 1) (local.get 0))))

;; CLIF of a:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0034                               jump block1(v1)
;;
;;                                   block1(v2: i32):
;;   @0034                               return v2
;;   }

;; CLIF of b:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0037                               v3 = iconst.i32 1
;;   @0039                               jump block1(v3)  ; v3 = 1
;;
;;                                   block1(v2: i32):
;;   @0039                               return v2
;;   }

;; CLIF of calls:
;;   function u0:0(i64 vmctx, i32, i32) -> i32 tail {
;;       region0 = 4 "Vm"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64 vmctx, i32) -> i32 tail
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32):
;;   @0040                               v4 = uextend.i64 v1
;;   @0040                               v5 = iconst.i64 2
;;   @0040                               v6 = icmp uge v4, v5  ; v5 = 2
;;   @0040                               trapnz v6, user4
;;   @0040                               v7 = iconst.i64 0
;;   @0040                               v8 = select_spectre_guard v6, v7, v4  ; v7 = 0
;;   @0040                               v9 = load.i64 notrap aligned readonly can_move v0+72
;;   @0040                               v10 = load.i64 notrap aligned readonly can_move v9+40
;;   @0040                               v11 = iconst.i64 8
;;   @0040                               v12 = imul v8, v11  ; v11 = 8
;;   @0040                               v13 = iadd v10, v12
;;   @0040                               v14 = load.i32 notrap aligned readonly v13
;;   @0040                               v15 = iconst.i32 0
;;   @0040                               v16 = icmp ne v14, v15  ; v15 = 0
;;   @0040                               brif v16, block2, block3
;;
;;                                   block2 cold:
;;   @0040                               v17 = iconst.i32 -1
;;   @0040                               v18 = icmp.i32 eq v14, v17  ; v17 = -1
;;   @0040                               trapnz v18, user5
;;   @0040                               trap user6
;;
;;                                   block3:
;;   @0040                               v19 = uload32.i64 notrap aligned readonly v13+4
;;   @0040                               v20 = iconst.i64 8
;;   @0040                               v21 = imul v19, v20  ; v20 = 8
;;   @0040                               v22 = iadd.i64 v9, v21
;;   @0040                               v23 = load.i64 notrap aligned little region0 v22
;;   @0040                               v24 = call_indirect sig0, v23(v0, v2)
;;   @0043                               jump block1(v24)
;;
;;                                   block1(v3: i32):
;;   @0043                               return v3
;;   }

;; x86-64 of a:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, rsi
;;      7: mov rsp, rbp                           ; @0034
;;      a: pop rbp
;;      b: ret

;; x86-64 of b:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov eax, 0x1                           ; @0037
;;      9: mov rsp, rbp                           ; @0039
;;      c: pop rbp
;;      d: ret

;; x86-64 of calls:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x10
;;     10: cmp r10, rsp
;;     13: ja 0x63
;;     19: mov r8d, esi                           ; @0040
;;     1c: cmp r8, 0x2
;;     20: jae 0x65
;;     26: mov rax, [rdi+0x48]
;;     2a: mov rcx, [rax+0x28]
;;     2e: xor rsi, rsi
;;     31: cmp r8, 0x2
;;     35: cmovae r8, rsi
;;     39: mov esi, [rcx+r8*8]
;;     3d: test esi, esi
;;     3f: jne 0x58
;;     45: mov ecx, [rcx+r8*8+0x4]
;;     4a: mov rax, [rax+rcx*8]
;;     4e: mov rsi, rdx
;;     51: call rax
;;     53: mov rsp, rbp                           ; @0043
;;     56: pop rbp
;;     57: ret
;;     58: cmp esi, 0xffffffff                    ; @0040
;;     5b: je 0x67
;;     61: ud2                                    ; traps: indirect call type mismatch
;;     63: ud2                                    ; traps: call stack exhausted
;;     65: ud2                                    ; @0040, traps: undefined element
;;     67: ud2                                    ; traps: uninitialized element

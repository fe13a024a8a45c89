;;! off
;; Whoever writes a reference marks its card; null needs none, nor do numbers. Null faults where it is used, and
;; so does an element that is not there, by the move in place of a branch.
(module
  (type $node (struct (field (mut (ref null $node))) (field (mut i32))))
  (type $nodes (array (mut (ref null $node))))
  (func $reference (param (ref null $node) (ref null $node))
    (struct.set $node 0 (local.get 0) (local.get 1)))
  (func $null (param (ref $node)) (struct.set $node 0 (local.get 0) (ref.null $node)))
  (func $number (param (ref null $node) i32) (struct.set $node 1 (local.get 0) (local.get 1)))
  (func $element (param (ref $nodes) i32 (ref null $node))
    (array.set $nodes (local.get 0) (local.get 1) (local.get 2)))
  (func $read (param (ref null $nodes) i32) (result (ref null $node))
    (array.get $nodes (local.get 0) (local.get 1))))

;; CLIF of reference:
;;   function u0:0(i64 vmctx, i32, i32) tail {
;;       region0 = 1799 "Heap 7"
;;       region1 = 4 "Vm"
;;       region2 = 10 "Card"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32):
;;   @0049                               v3 = uextend.i64 v1
;;   @0049                               v4 = load.i64 notrap aligned readonly can_move v0
;;   @0049                               v5 = load.i64 notrap aligned little region1 v4+32
;;   @0049                               v6 = iadd v5, v3
;;   @0049                               store user16 little region0 v2, v6+4
;;   @0049                               v7 = iconst.i64 4
;;   @0049                               v8 = iadd v3, v7  ; v7 = 4
;;   @0049                               v9 = iconst.i64 9
;;   @0049                               v10 = ushr v8, v9  ; v9 = 9
;;   @0049                               v11 = load.i64 notrap aligned readonly can_move v0
;;   @0049                               v12 = load.i64 notrap aligned little region1 v11+40
;;   @0049                               v13 = iadd v12, v10
;;   @0049                               v14 = iconst.i8 1
;;   @0049                               store notrap little region2 v14, v13  ; v14 = 1
;;   @004d                               jump block1
;;
;;                                   block1:
;;   @004d                               return
;;   }

;; CLIF of null:
;;   function u0:0(i64 vmctx, i32) tail {
;;       region0 = 1799 "Heap 7"
;;       region1 = 4 "Vm"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0052                               v2 = iconst.i32 0
;;   @0054                               v3 = uextend.i64 v1
;;   @0054                               v4 = load.i64 notrap aligned readonly can_move v0
;;   @0054                               v5 = load.i64 notrap aligned little region1 v4+32
;;   @0054                               v6 = iadd v5, v3
;;   @0054                               store notrap little region0 v2, v6+4  ; v2 = 0
;;   @0058                               jump block1
;;
;;                                   block1:
;;   @0058                               return
;;   }

;; CLIF of number:
;;   function u0:0(i64 vmctx, i32, i32) tail {
;;       region0 = 2567 "Heap 10"
;;       region1 = 4 "Vm"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32):
;;   @005f                               v3 = uextend.i64 v1
;;   @005f                               v4 = load.i64 notrap aligned readonly can_move v0
;;   @005f                               v5 = load.i64 notrap aligned little region1 v4+32
;;   @005f                               v6 = iadd v5, v3
;;   @005f                               store user16 little region0 v2, v6+8
;;   @0063                               jump block1
;;
;;                                   block1:
;;   @0063                               return
;;   }

;; CLIF of element:
;;   function u0:0(i64 vmctx, i32, i32, i32) tail {
;;       region0 = 67335 "Heap 263"
;;       region1 = 9 "Header"
;;       region2 = 4 "Vm"
;;       region3 = 10 "Card"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32, v3: i32):
;;   @006c                               v4 = uextend.i64 v1
;;   @006c                               v5 = load.i64 notrap aligned readonly can_move v0
;;   @006c                               v6 = load.i64 notrap aligned little region2 v5+32
;;   @006c                               v7 = iadd v6, v4
;;   @006c                               v8 = load.i32 notrap aligned little region1 v7+4
;;   @006c                               v9 = icmp uge v2, v8
;;   @006c                               v10 = uextend.i64 v1
;;   @006c                               v11 = uextend.i64 v2
;;   @006c                               v12 = iconst.i64 2
;;   @006c                               v13 = ishl v11, v12  ; v12 = 2
;;   @006c                               v14 = iadd v10, v13
;;   @006c                               v15 = iconst.i64 0
;;   @006c                               v16 = select_spectre_guard v9, v15, v14  ; v15 = 0
;;   @006c                               v17 = iadd v6, v16
;;   @006c                               store user20 little region0 v3, v17+8
;;   @006c                               v18 = iconst.i64 8
;;   @006c                               v19 = iadd v16, v18  ; v18 = 8
;;   @006c                               v20 = iconst.i64 9
;;   @006c                               v21 = ushr v19, v20  ; v20 = 9
;;   @006c                               v22 = load.i64 notrap aligned readonly can_move v0
;;   @006c                               v23 = load.i64 notrap aligned little region2 v22+40
;;   @006c                               v24 = iadd v23, v21
;;   @006c                               v25 = iconst.i8 1
;;   @006c                               store notrap little region3 v25, v24  ; v25 = 1
;;   @006f                               jump block1
;;
;;                                   block1:
;;   @006f                               return
;;   }

;; CLIF of read:
;;   function u0:0(i64 vmctx, i32, i32) -> i32 tail {
;;       region0 = 67335 "Heap 263"
;;       region1 = 9 "Header"
;;       region2 = 4 "Vm"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32):
;;   @0076                               v4 = uextend.i64 v1
;;   @0076                               v5 = load.i64 notrap aligned readonly can_move v0
;;   @0076                               v6 = load.i64 notrap aligned little region2 v5+32
;;   @0076                               v7 = iadd v6, v4
;;   @0076                               v8 = load.i32 user17 aligned little region1 v7+4
;;   @0076                               v9 = icmp uge v2, v8
;;   @0076                               v10 = uextend.i64 v1
;;   @0076                               v11 = uextend.i64 v2
;;   @0076                               v12 = iconst.i64 2
;;   @0076                               v13 = ishl v11, v12  ; v12 = 2
;;   @0076                               v14 = iadd v10, v13
;;   @0076                               v15 = iconst.i64 0
;;   @0076                               v16 = select_spectre_guard v9, v15, v14  ; v15 = 0
;;   @0076                               v17 = iadd v6, v16
;;   @0076                               v18 = load.i32 user20 little region0 v17+8
;;   @0079                               jump block1(v18)
;;
;;                                   block1(v3: i32):
;;   @0079                               return v3
;;   }

;; x86-64 of reference:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r9, [rdi]                          ; @0049
;;      7: mov r11, [r9+0x20]
;;      b: mov r10d, esi
;;      e: mov [r11+r10+0x4], edx                 ; traps: null structure reference
;;     13: mov r11, [r9+0x28]
;;     17: lea r9, [r10+0x4]
;;     1b: shr r9, 0x9
;;     1f: mov byte ptr [r11+r9], 0x1
;;     24: mov rsp, rbp                           ; @004d
;;     27: pop rbp
;;     28: ret

;; x86-64 of null:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rdi, [rdi]                         ; @0054
;;      7: mov rdi, [rdi+0x20]
;;      b: mov esi, esi
;;      d: mov dword ptr [rdi+rsi+0x4], 0x0
;;     15: mov rsp, rbp                           ; @0058
;;     18: pop rbp
;;     19: ret

;; x86-64 of number:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rdi, [rdi]                         ; @005f
;;      7: mov rdi, [rdi+0x20]
;;      b: mov esi, esi
;;      d: mov [rdi+rsi+0x8], edx                 ; traps: null structure reference
;;     11: mov rsp, rbp                           ; @0063
;;     14: pop rbp
;;     15: ret

;; x86-64 of element:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r9, rdx
;;      7: mov rax, [rdi]                         ; @006c
;;      a: mov rdx, [rax+0x20]
;;      e: mov edi, esi
;;     10: mov r8d, [rdx+rdi+0x4]
;;     15: xor rsi, rsi
;;     18: mov r10d, r9d
;;     1b: lea rdi, [rdi+r10*4]
;;     1f: cmp r9d, r8d
;;     22: cmovae rdi, rsi
;;     26: mov [rdx+rdi+0x8], ecx                 ; traps: out of bounds array access
;;     2a: mov rax, [rax+0x28]
;;     2e: lea rcx, [rdi+0x8]
;;     32: shr rcx, 0x9
;;     36: mov byte ptr [rax+rcx], 0x1
;;     3a: mov rsp, rbp                           ; @006f
;;     3d: pop rbp
;;     3e: ret

;; x86-64 of read:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, [rdi]                         ; @0076
;;      7: mov rax, [rax+0x20]
;;      b: mov esi, esi
;;      d: xor rcx, rcx
;;     10: mov edi, edx
;;     12: lea r11, [rsi+rdi*4]
;;     16: cmp edx, [rax+rsi+0x4]                 ; traps: null array reference
;;     1a: cmovae r11, rcx
;;     1e: mov eax, [rax+r11+0x8]                 ; traps: out of bounds array access
;;     23: mov rsp, rbp                           ; @0079
;;     26: pop rbp
;;     27: ret

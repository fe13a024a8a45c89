;;! v3
;; What is known of references and of what they lead to is not asked, and not read, a second time.
(module
  (type $base (sub (struct (field (mut i32)))))
  (type $derived (sub final $base (struct (field (mut i32)) (field (mut i32)))))
  (type $ints (array (mut i32)))
  ;; Null is asked for first, as Kotlin does; the type is looked at once.
  (func $tested (param (ref null $base)) (result i32)
    (if (result i32)
      (if (result i32) (ref.is_null (local.get 0))
        (then (i32.const 0))
        (else (ref.test (ref $derived) (local.get 0))))
      (then (struct.get $derived 1 (ref.cast (ref $derived) (local.get 0))))
      (else (i32.const 0))))
  ;; The second sum reads nothing: one store has come between, to another field.
  (func $read (param (ref $derived)) (result i32)
    (struct.set $derived 1 (local.get 0) (struct.get $derived 0 (local.get 0)))
    (i32.add
      (i32.add (struct.get $derived 0 (local.get 0)) (struct.get $derived 1 (local.get 0)))
      (struct.get $derived 0 (local.get 0))))
  ;; One comparison with the length.
  (func $element (param (ref null $ints) i32)
    (array.set $ints (local.get 0) (local.get 1)
      (i32.add (array.get $ints (local.get 0) (local.get 1)) (i32.const 1)))))

;; CLIF of tested:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       region0 = 4 "Vm"
;;       region1 = 9 "Header"
;;       region2 = 2567 "Heap 10"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;                                       v19 -> v1
;;   @003c                               v3 = iconst.i32 0
;;   @003c                               v4 = icmp eq v1, v3  ; v3 = 0
;;   @003c                               v5 = uextend.i32 v4
;;   @003d                               brif v5, block2, block3
;;
;;                                   block2:
;;   @003f                               v7 = iconst.i32 0
;;   @0041                               jump block4(v7)  ; v7 = 0
;;
;;                                   block3:
;;   @0044                               v8 = load.i64 notrap aligned readonly can_move v0
;;   @0044                               v9 = load.i64 notrap aligned little region0 v8+32
;;   @0044                               v11 = uextend.i64 v1
;;   @0044                               v12 = iadd v9, v11
;;   @0044                               v13 = load.i32 notrap aligned little region1 v12
;;   @0044                               v14 = load.i64 notrap aligned readonly can_move v0+64
;;   @0044                               v15 = load.i32 notrap aligned readonly can_move v14+4
;;   @0044                               v16 = icmp eq v13, v15
;;   @0044                               jump block5(v16)
;;
;;                                   block5(v10: i8):
;;   @0044                               v17 = uextend.i32 v10
;;   @0047                               jump block4(v17)
;;
;;                                   block4(v6: i32):
;;   @0048                               brif v6, block6, block7
;;
;;                                   block6:
;;   @004f                               v20 = uextend.i64 v1
;;   @004f                               v21 = load.i64 notrap aligned readonly can_move v0
;;   @004f                               v22 = load.i64 notrap aligned little region0 v21+32
;;   @004f                               v23 = iadd v22, v20
;;   @004f                               v24 = load.i32 notrap little region2 v23+8
;;   @0053                               jump block8(v24)
;;
;;                                   block7:
;;   @0054                               v25 = iconst.i32 0
;;   @0056                               jump block8(v25)  ; v25 = 0
;;
;;                                   block8(v18: i32):
;;   @0057                               jump block1(v18)
;;
;;                                   block1(v2: i32):
;;   @0057                               return v2
;;   }

;; CLIF of read:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       region0 = 519 "Heap 2"
;;       region1 = 4 "Vm"
;;       region2 = 2567 "Heap 10"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @005e                               v3 = uextend.i64 v1
;;   @005e                               v4 = load.i64 notrap aligned readonly can_move v0
;;   @005e                               v5 = load.i64 notrap aligned little region1 v4+32
;;   @005e                               v6 = iadd v5, v3
;;   @005e                               v7 = load.i32 notrap little region0 v6+4
;;   @0062                               v8 = uextend.i64 v1
;;   @0062                               v9 = iadd v5, v8
;;   @0062                               store notrap little region2 v7, v9+8
;;   @0072                               v10 = iadd v7, v7
;;   @0079                               v11 = iadd v10, v7
;;   @007a                               jump block1(v11)
;;
;;                                   block1(v2: i32):
;;   @007a                               return v2
;;   }

;; CLIF of element:
;;   function u0:0(i64 vmctx, i32, i32) tail {
;;       region0 = 66055 "Heap 258"
;;       region1 = 9 "Header"
;;       region2 = 4 "Vm"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32):
;;   @0085                               v3 = uextend.i64 v1
;;   @0085                               v4 = load.i64 notrap aligned readonly can_move v0
;;   @0085                               v5 = load.i64 notrap aligned little region2 v4+32
;;   @0085                               v6 = iadd v5, v3
;;   @0085                               v7 = load.i32 user17 aligned little region1 v6+4
;;   @0085                               v8 = icmp uge v2, v7
;;   @0085                               v9 = uextend.i64 v1
;;   @0085                               v10 = uextend.i64 v2
;;   @0085                               v11 = iconst.i64 2
;;   @0085                               v12 = ishl v10, v11  ; v11 = 2
;;   @0085                               v13 = iadd v9, v12
;;   @0085                               v14 = iconst.i64 0
;;   @0085                               v15 = select_spectre_guard v8, v14, v13  ; v14 = 0
;;   @0085                               v16 = iadd v5, v15
;;   @0085                               v17 = load.i32 user20 little region0 v16+8
;;   @0088                               v18 = iconst.i32 1
;;   @008a                               v19 = iadd v17, v18  ; v18 = 1
;;   @008b                               v20 = iadd v5, v15
;;   @008b                               store notrap little region0 v19, v20+8
;;   @008e                               jump block1
;;
;;                                   block1:
;;   @008e                               return
;;   }

;; x86-64 of tested:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: test esi, esi                          ; @003d
;;      6: je 0x30
;;      c: mov rax, [rdi]                         ; @0044
;;      f: mov rax, [rax+0x20]
;;     13: mov ecx, esi
;;     15: mov edx, [rax+rcx]
;;     18: mov rsi, [rdi+0x40]
;;     1c: mov esi, [rsi+0x4]
;;     1f: cmp edx, esi                           ; @0048
;;     21: jne 0x30
;;     27: mov eax, [rax+rcx+0x8]                 ; @004f
;;     2b: jmp 0x32                               ; @0053
;;     30: xor eax, eax
;;     32: mov rsp, rbp                           ; @0057
;;     35: pop rbp
;;     36: ret

;; x86-64 of read:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r8, [rdi]                          ; @005e
;;      7: mov r9, [r8+0x20]
;;      b: mov r10d, esi
;;      e: mov r8d, [r9+r10+0x4]
;;     13: mov [r9+r10+0x8], r8d                  ; @0062
;;     18: lea r10d, [r8+r8]                      ; @0072
;;     1c: lea eax, [r10+r8]                      ; @0079
;;     20: mov rsp, rbp                           ; @007a
;;     23: pop rbp
;;     24: ret

;; x86-64 of element:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, [rdi]                         ; @0085
;;      7: mov rax, [rax+0x20]
;;      b: mov esi, esi
;;      d: mov edi, [rax+rsi+0x4]                 ; traps: null array reference
;;     11: xor rcx, rcx
;;     14: mov r8d, edx
;;     17: lea rsi, [rsi+r8*4]
;;     1b: cmp edx, edi
;;     1d: cmovae rsi, rcx
;;     21: mov ecx, 0x1                           ; @0088
;;     26: add ecx, [rax+rsi+0x8]                 ; @0085, traps: out of bounds array access
;;     2a: mov [rax+rsi+0x8], ecx
;;     2e: mov rsp, rbp                           ; @008e
;;     31: pop rbp
;;     32: ret

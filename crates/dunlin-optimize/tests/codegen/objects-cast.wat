;;! off
;; A cast to a type that has none below it compares the number that an object begins with; others look at the
;; line of the type that they find, unless it is the very one. Small integers are told by their bits.
(module
  (type $shape (sub (struct)))
  (type $circle (sub final $shape (struct (field f64))))
  (func $final (param (ref null $shape)) (result f64)
    (struct.get $circle 0 (ref.cast (ref $circle) (local.get 0))))
  (func $open (param anyref) (result i32) (ref.test (ref $shape) (local.get 0)))
  (func $small (param eqref) (result i32)
    (block $i (result (ref i31))
      (br_on_cast $i eqref (ref i31) (local.get 0))
      (drop) (return (i32.const -1)))
    (i31.get_s)))

;; CLIF of final:
;;   function u0:0(i64 vmctx, i32) -> f64 tail {
;;       region0 = 4 "Vm"
;;       region1 = 9 "Header"
;;       region2 = 1287 "Heap 5"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0033                               v3 = load.i64 notrap aligned readonly can_move v0
;;   @0033                               v4 = load.i64 notrap aligned little region0 v3+32
;;   @0033                               v5 = uextend.i64 v1
;;   @0033                               v6 = iadd v4, v5
;;   @0033                               v7 = load.i32 user21 aligned little region1 v6
;;   @0033                               v8 = load.i64 notrap aligned readonly can_move v0+64
;;   @0033                               v9 = load.i32 notrap aligned readonly can_move v8+4
;;   @0033                               v10 = icmp eq v7, v9
;;   @0033                               v11 = iconst.i8 0
;;   @0033                               v12 = icmp eq v10, v11  ; v11 = 0
;;   @0033                               trapnz v12, user21
;;   @0036                               v13 = uextend.i64 v1
;;   @0036                               v14 = iadd v4, v13
;;   @0036                               v15 = load.f64 notrap little region2 v14+8
;;   @003a                               jump block1(v15)
;;
;;                                   block1(v2: f64):
;;   @003a                               return v2
;;   }

;; CLIF of open:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       region0 = 4 "Vm"
;;       region1 = 9 "Header"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @003f                               v3 = load.i64 notrap aligned readonly can_move v0
;;   @003f                               v4 = load.i64 notrap aligned little region0 v3+32
;;   @003f                               v6 = iconst.i32 0
;;   @003f                               v7 = icmp eq v1, v6  ; v6 = 0
;;   @003f                               v8 = iconst.i8 0
;;   @003f                               brif v7, block2(v8), block3  ; v8 = 0
;;
;;                                   block3:
;;   @003f                               v9 = iconst.i32 7
;;   @003f                               v10 = band.i32 v1, v9  ; v9 = 7
;;   @003f                               v11 = iconst.i8 0
;;   @003f                               brif v10, block2(v11), block4  ; v11 = 0
;;
;;                                   block4:
;;   @003f                               v12 = uextend.i64 v1
;;   @003f                               v13 = iadd.i64 v4, v12
;;   @003f                               v14 = load.i32 notrap aligned little region1 v13
;;   @003f                               v15 = load.i64 notrap aligned readonly can_move v0+64
;;   @003f                               v16 = load.i32 notrap aligned readonly can_move v15
;;   @003f                               v18 = icmp eq v14, v16
;;   @003f                               brif v18, block6(v18), block5
;;
;;                                   block5:
;;   @003f                               v19 = load.i64 notrap aligned readonly can_move v0
;;   @003f                               v20 = load.i64 notrap aligned little region0 v19+24
;;   @003f                               v21 = iconst.i32 -805306369
;;   @003f                               v22 = band.i32 v14, v21  ; v21 = -805306369
;;   @003f                               v23 = uextend.i64 v22
;;   @003f                               v24 = load.i64 notrap aligned little region0 v19+56
;;   @003f                               v25 = icmp uge v23, v24
;;   @003f                               v26 = iconst.i64 0
;;   @003f                               v27 = select_spectre_guard v25, v26, v23  ; v26 = 0
;;   @003f                               v28 = iconst.i64 32
;;   @003f                               v29 = imul v27, v28  ; v28 = 32
;;   @003f                               v30 = iadd v20, v29
;;   @003f                               v31 = load.i64 notrap aligned little region0 v30
;;   @003f                               v32 = load.i32 notrap aligned little region0 v31
;;   @003f                               v33 = icmp eq v32, v16
;;   @003f                               jump block6(v33)
;;
;;                                   block6(v17: i8):
;;   @003f                               jump block2(v17)
;;
;;                                   block2(v5: i8):
;;   @003f                               v34 = uextend.i32 v5
;;   @0042                               jump block1(v34)
;;
;;                                   block1(v2: i32):
;;   @0042                               return v2
;;   }

;; CLIF of small:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @004a                               v4 = iconst.i32 1
;;   @004a                               v5 = band v1, v4  ; v4 = 1
;;   @004a                               v6 = iconst.i32 0
;;   @004a                               v7 = icmp ne v5, v6  ; v6 = 0
;;   @004a                               brif v7, block2(v1), block3
;;
;;                                   block3:
;;   @0051                               v8 = iconst.i32 -1
;;   @0053                               return v8  ; v8 = -1
;;
;;                                   block2(v3: i32):
;;   @0055                               v9 = iconst.i32 0
;;   @0055                               v10 = icmp eq v3, v9  ; v9 = 0
;;   @0055                               trapnz v10, user18
;;   @0055                               v11 = iconst.i32 1
;;   @0055                               v12 = sshr v3, v11  ; v11 = 1
;;   @0057                               jump block1(v12)
;;
;;                                   block1(v2: i32):
;;   @0057                               return v2
;;   }

;; x86-64 of final:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r8, [rdi]                          ; @0033
;;      7: mov r8, [r8+0x20]
;;      b: mov r9d, esi
;;      e: mov r10d, [r8+r9]                      ; traps: cast failure
;;     12: mov r11, [rdi+0x40]
;;     16: cmp r10d, [r11+0x4]
;;     1a: jne 0x2c
;;     20: movsd xmm0, [r8+r9+0x8]                ; @0036
;;     27: mov rsp, rbp                           ; @003a
;;     2a: pop rbp
;;     2b: ret
;;     2c: ud2                                    ; @0033, traps: cast failure

;; x86-64 of open:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rdx, rsi
;;      7: mov rax, [rdi]                         ; @003f
;;      a: mov rcx, [rax+0x20]
;;      e: xor esi, esi
;;     10: test edx, edx
;;     12: je 0x64
;;     18: xor esi, esi
;;     1a: test edx, 0x7                          ; @003f
;;     20: jne 0x64
;;     26: mov edx, edx
;;     28: mov edx, [rcx+rdx]
;;     2b: mov rcx, [rdi+0x40]
;;     2f: mov ecx, [rcx]
;;     31: cmp edx, ecx
;;     33: sete sil
;;     37: cmp edx, ecx
;;     39: je 0x64
;;     3f: mov rsi, [rax+0x18]
;;     43: and edx, 0xcfffffff
;;     49: xor rdi, rdi
;;     4c: cmp rdx, [rax+0x38]
;;     50: cmovae rdx, rdi
;;     54: shl rdx, 0x5
;;     58: mov rax, [rsi+rdx]                     ; @003f
;;     5c: mov eax, [rax]
;;     5e: cmp eax, ecx
;;     60: sete sil
;;     64: movzx eax, sil
;;     68: mov rsp, rbp                           ; @0042
;;     6b: pop rbp
;;     6c: ret

;; x86-64 of small:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: test esi, 0x1                          ; @004a
;;      a: jne 0x1a
;;     10: mov eax, 0xffffffff                    ; @0051
;;     15: mov rsp, rbp                           ; @0053
;;     18: pop rbp
;;     19: ret
;;     1a: test esi, esi                          ; @0055
;;     1c: je 0x2c
;;     22: mov rax, rsi
;;     25: sar eax, 0x1
;;     27: mov rsp, rbp                           ; @0057
;;     2a: pop rbp
;;     2b: ret
;;     2c: ud2                                    ; @0055, traps: null i31 reference

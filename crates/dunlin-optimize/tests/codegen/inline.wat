;;! inline v3
;; The shape that compilers of languages with classes give arrays: an element is two calls away, and the array a
;; field. The bodies stand in place of the calls, the field and the length are read once a turn, the check that
;; has been decided is not made again, and what throws is out of the way.
(module
  (type $bytes (array (mut i8)))
  (type $list (struct (field (mut (ref $bytes)))))
  (tag $outside)
  (func $check (param i32 i32)
    (if (i32.or (i32.lt_s (local.get 0) (i32.const 0)) (i32.ge_s (local.get 0) (local.get 1)))
      (then (throw $outside))))
  (func $get (param (ref null $list) i32) (result i32)
    (call $check (local.get 1) (array.len (struct.get $list 0 (local.get 0))))
    (return (array.get_s $bytes (struct.get $list 0 (local.get 0)) (local.get 1))))
  (func $sum (param (ref null $list) i32) (result i32) (local i32 i32)
    (loop $next
      (block $done
        (br_if $done (i32.eqz (i32.lt_s (local.get 2) (local.get 1))))
        (local.set 3 (i32.add (local.get 3) (call $get (local.get 0) (local.get 2))))
        (local.set 2 (i32.add (local.get 2) (i32.const 1)))
        (br $next)))
    (local.get 3)))

;; CLIF of check:
;;   function u0:0(i64 vmctx, i32, i32) tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64, i32) -> i32 system_v
;;       sig1 = (i64) system_v
;;       sig2 = (i64, i32) system_v
;;       fn0 = u0:16 sig0
;;       fn1 = u0:13 sig1
;;       fn2 = u0:19 sig2
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32):
;;   @0034                               v3 = iconst.i32 0
;;   @0036                               v4 = icmp slt v1, v3  ; v3 = 0
;;   @0036                               v5 = uextend.i32 v4
;;   @003b                               v6 = icmp sge v1, v2
;;   @003b                               v7 = uextend.i32 v6
;;   @003c                               v8 = bor v5, v7
;;   @003d                               brif v8, block2, block3
;;
;;                                   block2 cold:
;;   @003f                               v9 = iconst.i32 0
;;   @003f                               v10 = call fn0(v0, v9)  ; v9 = 0
;;   @003f                               v11 = iconst.i32 0
;;   @003f                               v12 = icmp eq v10, v11  ; v11 = 0
;;   @003f                               brif v12, block5, block6
;;
;;                                   block5 cold:
;;   @003f                               call fn1(v0)
;;   @003f                               trap user1
;;
;;                                   block6:
;;   @003f                               v13 = load.i64 notrap aligned readonly can_move v0+104
;;   @003f                               v14 = load.i32 notrap aligned readonly can_move v13
;;   @003f                               v15 = uextend.i64 v14
;;   @003f                               call fn2(v0, v10)
;;   @003f                               trap user1
;;
;;                                   block3:
;;   @0041                               jump block4
;;
;;                                   block4:
;;   @0042                               jump block1
;;
;;                                   block1:
;;   @0042                               return
;;   }

;; CLIF of get:
;;   function u0:0(i64 vmctx, i32, i32) -> i32 tail {
;;       region0 = 1799 "Heap 7"
;;       region1 = 4 "Vm"
;;       region2 = 9 "Header"
;;       region3 = 65543 "Heap 256"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64, i32) -> i32 system_v
;;       sig1 = (i64) system_v
;;       sig2 = (i64, i32) system_v
;;       fn0 = u0:16 sig0
;;       fn1 = u0:13 sig1
;;       fn2 = u0:19 sig2
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32):
;;   @0049                               v4 = uextend.i64 v1
;;   @0049                               v5 = load.i64 notrap aligned readonly can_move v0
;;   @0049                               v6 = load.i64 notrap aligned little region1 v5+32
;;   @0049                               v7 = iadd v6, v4
;;   @0049                               v8 = load.i32 user16 little region0 v7+4
;;   @004d                               v9 = uextend.i64 v8
;;   @004d                               v10 = iadd v6, v9
;;   @004d                               v11 = load.i32 notrap aligned little region2 v10+4
;;   @80000003                           v12 = iconst.i32 0
;;   @80000005                           v13 = icmp slt v2, v12  ; v12 = 0
;;   @80000005                           v14 = uextend.i32 v13
;;   @8000000a                           v15 = icmp sge v2, v11
;;   @8000000a                           v16 = uextend.i32 v15
;;   @8000000b                           v17 = bor v14, v16
;;   @8000000c                           brif v17, block3, block4
;;
;;                                   block3 cold:
;;   @8000000e                           v18 = iconst.i32 0
;;   @8000000e                           v19 = call fn0(v0, v18)  ; v18 = 0
;;   @8000000e                           v20 = iconst.i32 0
;;   @8000000e                           v21 = icmp eq v19, v20  ; v20 = 0
;;   @8000000e                           brif v21, block6, block7
;;
;;                                   block6 cold:
;;   @8000000e                           call fn1(v0)
;;   @8000000e                           trap user1
;;
;;                                   block7:
;;   @8000000e                           v22 = load.i64 notrap aligned readonly can_move v0+104
;;   @8000000e                           v23 = load.i32 notrap aligned readonly can_move v22
;;   @8000000e                           v24 = uextend.i64 v23
;;   @8000000e                           call fn2(v0, v19)
;;   @8000000e                           trap user1
;;
;;                                   block4:
;;   @80000010                           jump block5
;;
;;                                   block5:
;;   @80000011                           jump block2
;;
;;                                   block2:
;;   @0053                               v25 = uextend.i64 v1
;;   @0053                               v26 = load.i64 notrap aligned readonly can_move v0
;;   @0053                               v27 = load.i64 notrap aligned little region1 v26+32
;;   @0053                               v28 = iadd v27, v25
;;   @0053                               v29 = load.i32 notrap little region0 v28+4
;;   @0059                               v30 = uextend.i64 v29
;;   @0059                               v31 = iadd v27, v30
;;   @0059                               v32 = load.i32 notrap aligned little region2 v31+4
;;   @0059                               v33 = icmp.i32 uge v2, v32
;;   @0059                               v34 = uextend.i64 v29
;;   @0059                               v35 = uextend.i64 v2
;;   @0059                               v36 = iconst.i64 0
;;   @0059                               v37 = ishl v35, v36  ; v36 = 0
;;   @0059                               v38 = iadd v34, v37
;;   @0059                               v39 = iconst.i64 0
;;   @0059                               v40 = select_spectre_guard v33, v39, v38  ; v39 = 0
;;   @0059                               v41 = iadd v27, v40
;;   @0059                               v42 = sload8.i32 user20 little region3 v41+8
;;   @005c                               return v42
;;   }

;; CLIF of sum:
;;   function u0:0(i64 vmctx, i32, i32) -> i32 tail {
;;       region0 = 1799 "Heap 7"
;;       region1 = 4 "Vm"
;;       region2 = 9 "Header"
;;       region3 = 65543 "Heap 256"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64, i32) -> i32 system_v
;;       sig1 = (i64) system_v
;;       sig2 = (i64, i32) system_v
;;       fn0 = u0:16 sig0
;;       fn1 = u0:13 sig1
;;       fn2 = u0:19 sig2
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32):
;;                                       v13 -> v1
;;                                       v6 -> v2
;;                                       v58 -> v2
;;                                       v3 = iconst.i32 0
;;                                       v5 -> v3
;;   @0062                               jump block2
;;
;;                                   block2:
;;   @006a                               v7 = icmp.i32 slt v5, v6  ; v5 = 0
;;   @006a                               v8 = uextend.i32 v7
;;   @006b                               v9 = iconst.i32 0
;;   @006b                               v10 = icmp eq v8, v9  ; v9 = 0
;;   @006b                               v11 = uextend.i32 v10
;;   @006c                               brif v11, block3(v3), block4(v3, v5)  ; v3 = 0, v3 = 0, v5 = 0
;;
;;                                   block4(v12: i32, v14: i32):
;;   @80000005                           v16 = uextend.i64 v13
;;   @80000005                           v17 = load.i64 notrap aligned readonly can_move v0
;;   @80000005                           v18 = load.i64 notrap aligned little region1 v17+32
;;   @80000005                           v19 = iadd v18, v16
;;   @80000005                           v20 = load.i32 user16 little region0 v19+4
;;   @80000009                           v21 = uextend.i64 v20
;;   @80000009                           v22 = iadd v18, v21
;;   @80000009                           v23 = load.i32 notrap aligned little region2 v22+4
;;   @8000001d                           v24 = iconst.i32 0
;;   @8000001f                           v25 = icmp slt v14, v24  ; v24 = 0
;;   @8000001f                           v26 = uextend.i32 v25
;;   @80000024                           v27 = icmp sge v14, v23
;;   @80000024                           v28 = uextend.i32 v27
;;   @80000025                           v29 = bor v26, v28
;;   @80000026                           brif v29, block7, block8
;;
;;                                   block7 cold:
;;   @80000028                           v30 = iconst.i32 0
;;   @80000028                           v31 = call fn0(v0, v30)  ; v30 = 0
;;   @80000028                           v32 = iconst.i32 0
;;   @80000028                           v33 = icmp eq v31, v32  ; v32 = 0
;;   @80000028                           brif v33, block10, block11
;;
;;                                   block10 cold:
;;   @80000028                           call fn1(v0)
;;   @80000028                           trap user1
;;
;;                                   block11:
;;   @80000028                           v34 = load.i64 notrap aligned readonly can_move v0+104
;;   @80000028                           v35 = load.i32 notrap aligned readonly can_move v34
;;   @80000028                           v36 = uextend.i64 v35
;;   @80000028                           call fn2(v0, v31)
;;   @80000028                           trap user1
;;
;;                                   block8:
;;   @8000002a                           jump block9
;;
;;                                   block9:
;;   @8000002b                           jump block6
;;
;;                                   block6:
;;   @8000000f                           v37 = uextend.i64 v13
;;   @8000000f                           v38 = load.i64 notrap aligned readonly can_move v0
;;   @8000000f                           v39 = load.i64 notrap aligned little region1 v38+32
;;   @8000000f                           v40 = iadd v39, v37
;;   @8000000f                           v41 = load.i32 notrap little region0 v40+4
;;   @80000015                           v42 = uextend.i64 v41
;;   @80000015                           v43 = iadd v39, v42
;;   @80000015                           v44 = load.i32 notrap aligned little region2 v43+4
;;   @80000015                           v45 = icmp.i32 uge v14, v44
;;   @80000015                           v46 = uextend.i64 v41
;;   @80000015                           v47 = uextend.i64 v14
;;   @80000015                           v48 = iconst.i64 0
;;   @80000015                           v49 = ishl v47, v48  ; v48 = 0
;;   @80000015                           v50 = iadd v46, v49
;;   @80000015                           v51 = iconst.i64 0
;;   @80000015                           v52 = select_spectre_guard v45, v51, v50  ; v51 = 0
;;   @80000015                           v53 = iadd v39, v52
;;   @80000015                           v54 = sload8.i32 user20 little region3 v53+8
;;   @80000019                           jump block5(v54)
;;
;;                                   block5(v15: i32):
;;   @0076                               v55 = iadd.i32 v12, v15
;;   @007b                               v56 = iconst.i32 1
;;   @007d                               v57 = iadd.i32 v14, v56  ; v56 = 1
;;   @006a                               v59 = icmp slt v57, v58
;;   @006a                               v60 = uextend.i32 v59
;;   @006b                               v61 = iconst.i32 0
;;   @006b                               v62 = icmp eq v60, v61  ; v61 = 0
;;   @006b                               v63 = uextend.i32 v62
;;   @006c                               brif v63, block3(v55), block4(v55, v57)
;;
;;                                   block3(v64: i32):
;;   @0086                               jump block1(v64)
;;
;;                                   block1(v4: i32):
;;   @0086                               return v4
;;   }

;; x86-64 of check:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x20
;;     10: cmp r10, rsp
;;     13: ja 0x87
;;     19: sub rsp, 0x10
;;     1d: mov [rsp], r13
;;     21: mov r13, rdi
;;     24: mov r10, rsi
;;     27: shr r10d, 0x1f                         ; @0036
;;     2b: cmp esi, edx                           ; @003b
;;     2d: setge al
;;     30: or r10d, eax
;;     33: test r10b, r10b                        ; @003d
;;     36: jne 0x49
;;     3c: mov r13, [rsp]                         ; @0042
;;     40: add rsp, 0x10
;;     44: mov rsp, rbp
;;     47: pop rbp
;;     48: ret
;;     49: xor esi, esi
;;     4b: mov rax, 0x0                           ; @003f, NewException
;;     55: mov rdi, r13
;;     58: call rax
;;     5a: test eax, eax
;;     5c: je 0x76
;;     62: mov rcx, 0x0                           ; ThrowException
;;     6c: mov rsi, rax
;;     6f: mov rdi, r13
;;     72: call rcx
;;     74: ud2                                    ; traps: unreachable
;;     76: mov rdi, r13
;;     79: mov rax, 0x0                           ; @003f, Unwind
;;     83: call rax
;;     85: ud2                                    ; traps: unreachable
;;     87: ud2                                    ; traps: call stack exhausted

;; x86-64 of get:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x20
;;     10: cmp r10, rsp
;;     13: ja 0xad
;;     19: sub rsp, 0x10
;;     1d: mov [rsp], rbx
;;     21: mov rax, [rdi]                         ; @0049
;;     24: mov rbx, rdi
;;     27: mov rax, [rax+0x20]
;;     2b: mov ecx, esi
;;     2d: mov ecx, [rax+rcx+0x4]                 ; traps: null structure reference
;;     31: mov esi, [rax+rcx+0x4]                 ; @004d
;;     35: mov rdi, rdx
;;     38: shr edi, 0x1f                          ; @80000005
;;     3b: cmp edx, esi                           ; @8000000a
;;     3d: setge r8b
;;     41: or edi, r8d
;;     44: test dil, dil                          ; @8000000c
;;     47: jne 0x6f
;;     4d: xor rdi, rdi                           ; @0059
;;     50: mov r8d, edx
;;     53: add rcx, r8
;;     56: cmp edx, esi
;;     58: cmovae rcx, rdi
;;     5c: movsx rax, byte ptr [rax+rcx+0x8]      ; traps: out of bounds array access
;;     62: mov rbx, [rsp]
;;     66: add rsp, 0x10
;;     6a: mov rsp, rbp
;;     6d: pop rbp
;;     6e: ret
;;     6f: xor esi, esi
;;     71: mov rax, 0x0                           ; @8000000e, NewException
;;     7b: mov rdi, rbx
;;     7e: call rax
;;     80: test eax, eax
;;     82: je 0x9c
;;     88: mov rcx, 0x0                           ; ThrowException
;;     92: mov rsi, rax
;;     95: mov rdi, rbx
;;     98: call rcx
;;     9a: ud2                                    ; traps: unreachable
;;     9c: mov rdi, rbx
;;     9f: mov rax, 0x0                           ; @8000000e, Unwind
;;     a9: call rax
;;     ab: ud2                                    ; traps: unreachable
;;     ad: ud2                                    ; traps: call stack exhausted

;; x86-64 of sum:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x20
;;     10: cmp r10, rsp
;;     13: ja 0xd9
;;     19: sub rsp, 0x10
;;     1d: mov [rsp], rbx
;;     21: mov [rsp+0x8], r12
;;     26: xor eax, eax
;;     28: mov rcx, [rdi]                         ; @80000005
;;     2b: mov r12, rdi
;;     2e: mov esi, esi
;;     30: test edx, edx                          ; @006c
;;     32: jle 0x89
;;     38: mov rdi, rax
;;     3b: mov r8, [rcx+0x20]                     ; @80000005
;;     3f: mov r10d, [r8+rsi+0x4]                 ; traps: null structure reference
;;     44: mov r9d, [r8+r10+0x4]                  ; @80000009
;;     49: mov r11, rdi
;;     4c: shr r11d, 0x1f
;;     50: cmp edi, r9d                           ; @80000024
;;     53: setge bl
;;     56: or r11d, ebx
;;     59: test r11b, r11b                        ; @80000026
;;     5c: jne 0x9b
;;     62: mov r11d, edi                          ; @80000015
;;     65: add r10, r11
;;     68: xor r11, r11
;;     6b: cmp edi, r9d
;;     6e: cmovae r10, r11
;;     72: movsx r8, byte ptr [r8+r10+0x8]        ; @80000015, traps: out of bounds array access
;;     78: add edi, 0x1
;;     7e: add eax, r8d                           ; @0076
;;     81: cmp edi, edx                           ; @006c
;;     83: jl 0x3b
;;     89: mov rbx, [rsp]                         ; @0086
;;     8d: mov r12, [rsp+0x8]
;;     92: add rsp, 0x10
;;     96: mov rsp, rbp
;;     99: pop rbp
;;     9a: ret
;;     9b: xor esi, esi
;;     9d: mov rax, 0x0                           ; @80000028, NewException
;;     a7: mov rdi, r12
;;     aa: call rax
;;     ac: test eax, eax
;;     ae: je 0xc8
;;     b4: mov rcx, 0x0                           ; ThrowException
;;     be: mov rsi, rax
;;     c1: mov rdi, r12
;;     c4: call rcx
;;     c6: ud2                                    ; traps: unreachable
;;     c8: mov rdi, r12
;;     cb: mov rax, 0x0                           ; @80000028, Unwind
;;     d5: call rax
;;     d7: ud2                                    ; traps: unreachable
;;     d9: ud2                                    ; traps: call stack exhausted

;;! off
;; A block that catches has the instructions that the same block without it has, until something is thrown. What
;; catches stands behind the function's end, and throwing inside the function is a jump to it.
(module (tag $t (param i32 f64)) (tag $u) (type $list (func (result i32 f64)))
  (func $callee (param i32) (result i32) (local.get 0))
  (func $plain (param i32) (result i32)
    (i32.add (call $callee (local.get 0)) (call $callee (local.get 0))))
  (func $catches (param i32) (result i32)
    (block $h (type $list)
      (try_table (result i32) (catch $t $h)
        (i32.add (call $callee (local.get 0)) (call $callee (local.get 0))))
      (return))
    (drop))
  (func $throws (param i32)
    (throw $t (local.get 0) (f64.const 1)))
  (func $here (param exnref) (result exnref)
    (block $h (result exnref)
      (try_table (catch_all_ref $h) (throw_ref (local.get 0)))
      (unreachable)))
  (func $early (param i32) (result i32)
    try (result i32) (call $callee (local.get 0)) catch $t (drop) catch_all rethrow 0 end))

;; CLIF of callee:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @003d                               jump block1(v1)
;;
;;                                   block1(v2: i32):
;;   @003d                               return v2
;;   }

;; CLIF of plain:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       region0 = 4 "Vm"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64 vmctx, i32) -> i32 tail
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0042                               v3 = load.i64 notrap aligned readonly can_move v0+72
;;   @0042                               v4 = load.i64 notrap aligned little region0 v3
;;   @0042                               v5 = call_indirect sig0, v4(v0, v1)
;;   @0046                               v6 = load.i64 notrap aligned readonly can_move v0+72
;;   @0046                               v7 = load.i64 notrap aligned little region0 v6
;;   @0046                               v8 = call_indirect sig0, v7(v0, v1)
;;   @0048                               v9 = iadd v5, v8
;;   @0049                               jump block1(v9)
;;
;;                                   block1(v2: i32):
;;   @0049                               return v2
;;   }

;; CLIF of catches:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       region0 = 4 "Vm"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64 vmctx, i32) -> i32 tail
;;       sig1 = (i64, i32) -> i64 system_v
;;       sig2 = (i64) system_v
;;       sig3 = (i64, i32) system_v
;;       fn0 = u0:18 sig1
;;       fn1 = u0:13 sig2
;;       fn2 = u0:19 sig3
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0056                               v8 = load.i64 notrap aligned readonly can_move v0+72
;;   @0056                               v9 = load.i64 notrap aligned little region0 v8
;;   @0056                               try_call_indirect v9(v0, v1), sig0, block5(ret0), [ default: block4(exn0, exn1) ]
;;
;;                                   block5(v10: i32):
;;   @005a                               v11 = load.i64 notrap aligned readonly can_move v0+72
;;   @005a                               v12 = load.i64 notrap aligned little region0 v11
;;   @005a                               try_call_indirect v12(v0, v1), sig0, block6(ret0), [ default: block4(exn0, exn1) ]
;;
;;                                   block6(v13: i32):
;;   @005c                               v14 = iadd.i32 v10, v13
;;   @005d                               jump block3(v14)
;;
;;                                   block4(v6: i64, v7: i64) cold:
;;   @005d                               v15 = ireduce.i32 v6
;;   @005d                               v16 = load.i64 notrap aligned readonly can_move v0+104
;;   @005d                               v17 = load.i32 notrap aligned readonly can_move v16
;;   @005d                               v18 = uextend.i64 v17
;;   @005d                               v19 = icmp eq v7, v18
;;   @005d                               brif v19, block7, block8
;;
;;                                   block7 cold:
;;   @005d                               v20 = call fn0(v0, v15)
;;   @005d                               v21 = iconst.i64 0
;;   @005d                               v22 = icmp eq v20, v21  ; v21 = 0
;;   @005d                               brif v22, block9, block10
;;
;;                                   block9 cold:
;;   @005d                               call fn1(v0)
;;   @005d                               trap user1
;;
;;                                   block10:
;;   @005d                               v23 = load.i32 notrap v20
;;   @005d                               v24 = load.f64 notrap v20+8
;;   @005d                               jump block2(v23, v24)
;;
;;                                   block8 cold:
;;   @005d                               call fn2(v0, v15)
;;   @005d                               trap user1
;;
;;                                   block3(v5: i32):
;;   @005e                               return v5
;;
;;                                   block2(v3: i32, v4: f64) cold:
;;   @0061                               jump block1(v3)
;;
;;                                   block1(v2: i32) cold:
;;   @0061                               return v2
;;   }

;; CLIF of throws:
;;   function u0:0(i64 vmctx, i32) tail {
;;       ss0 = explicit_slot 16, align = 16
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64, i32) -> i32 system_v
;;       sig1 = (i64) system_v
;;       sig2 = (i64, i32, i64, i32) -> i32 system_v
;;       sig3 = (i64, i32) system_v
;;       fn0 = u0:16 sig0
;;       fn1 = u0:13 sig1
;;       fn2 = u0:20 sig2
;;       fn3 = u0:19 sig3
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0066                               v2 = f64const 0x1.0000000000000p0
;;   @006f                               v3 = iconst.i32 0
;;   @006f                               v4 = call fn0(v0, v3)  ; v3 = 0
;;   @006f                               v5 = iconst.i32 0
;;   @006f                               v6 = icmp eq v4, v5  ; v5 = 0
;;   @006f                               brif v6, block2, block3
;;
;;                                   block2 cold:
;;   @006f                               call fn1(v0)
;;   @006f                               trap user1
;;
;;                                   block3:
;;   @006f                               v7 = stack_addr.i64 ss0
;;   @006f                               v8 = uextend.i64 v1
;;   @006f                               store notrap v8, v7
;;   @006f                               store.f64 notrap v2, v7+8  ; v2 = 0x1.0000000000000p0
;;   @006f                               v9 = iconst.i32 2
;;   @006f                               v10 = call fn2(v0, v4, v7, v9)  ; v9 = 2
;;   @006f                               brif v10, block4, block5
;;
;;                                   block4 cold:
;;   @006f                               call fn1(v0)
;;   @006f                               trap user1
;;
;;                                   block5:
;;   @006f                               v11 = load.i64 notrap aligned readonly can_move v0+104
;;   @006f                               v12 = load.i32 notrap aligned readonly can_move v11
;;   @006f                               v13 = uextend.i64 v12
;;   @006f                               call fn3(v0, v4)
;;   @006f                               trap user1
;;   }

;; CLIF of here:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       ss0 = explicit_slot 4, align = 4
;;       region0 = 12 "Spill"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64, i32) -> i32 system_v
;;       sig1 = (i64, i32) -> i64 system_v
;;       sig2 = (i64) system_v
;;       fn0 = u0:17 sig0
;;       fn1 = u0:18 sig1
;;       fn2 = u0:13 sig2
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;                                       v26 = stack_addr.i64 ss0
;;                                       store notrap aligned region0 v1, v26
;;   @007d                               v6 = iconst.i32 0
;;                                       v24 = stack_addr.i64 ss0
;;                                       v25 = load.i32 notrap aligned region0 v24
;;   @007d                               v7 = icmp eq v25, v6  ; v6 = 0
;;   @007d                               trapnz v7, user19
;;                                       v22 = stack_addr.i64 ss0
;;                                       v23 = load.i32 notrap aligned region0 v22
;;   @007d                               v8 = call fn0(v0, v23), stack_map=[i32 @ ss0+0]
;;   @007d                               v9 = uextend.i64 v8
;;                                       v20 = stack_addr.i64 ss0
;;                                       v21 = load.i32 notrap aligned region0 v20
;;   @007d                               v10 = uextend.i64 v21
;;   @007d                               jump block4(v10, v9)
;;
;;                                   block4(v4: i64, v5: i64) cold:
;;   @007e                               v11 = ireduce.i32 v4
;;                                       v19 = stack_addr.i64 ss0
;;                                       store notrap aligned region0 v11, v19
;;                                       v17 = stack_addr.i64 ss0
;;                                       v18 = load.i32 notrap aligned region0 v17
;;   @007e                               v12 = call fn1(v0, v18), stack_map=[i32 @ ss0+0]
;;   @007e                               v13 = iconst.i64 0
;;   @007e                               v14 = icmp eq v12, v13  ; v13 = 0
;;   @007e                               brif v14, block5, block6
;;
;;                                   block5 cold:
;;   @007e                               call fn2(v0)
;;   @007e                               trap user1
;;
;;                                   block6:
;;                                       v15 = stack_addr.i64 ss0
;;                                       v16 = load.i32 notrap aligned region0 v15
;;   @007e                               jump block2(v16)
;;
;;                                   block2(v3: i32) cold:
;;   @0081                               jump block1(v3)
;;
;;                                   block1(v2: i32) cold:
;;   @0081                               return v2
;;   }

;; CLIF of early:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       ss0 = explicit_slot 4, align = 4
;;       region0 = 4 "Vm"
;;       region1 = 12 "Spill"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64 vmctx, i32) -> i32 tail
;;       sig1 = (i64, i32) -> i64 system_v
;;       sig2 = (i64) system_v
;;       sig3 = (i64, i32) system_v
;;       fn0 = u0:18 sig1
;;       fn1 = u0:13 sig2
;;       fn2 = u0:19 sig3
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0088                               v6 = load.i64 notrap aligned readonly can_move v0+72
;;   @0088                               v7 = load.i64 notrap aligned little region0 v6
;;   @0088                               try_call_indirect v7(v0, v1), sig0, block4(ret0), [ default: block3(exn0, exn1) ]
;;
;;                                   block4(v8: i32):
;;   @008a                               jump block2(v8)
;;
;;                                   block3(v4: i64, v5: i64) cold:
;;   @008a                               v9 = ireduce.i32 v4
;;                                       v28 = stack_addr.i64 ss0
;;                                       store notrap aligned region1 v9, v28
;;   @008a                               v10 = load.i64 notrap aligned readonly can_move v0+104
;;   @008a                               v11 = load.i32 notrap aligned readonly can_move v10
;;   @008a                               v12 = uextend.i64 v11
;;   @008a                               v13 = icmp eq v5, v12
;;   @008a                               brif v13, block5, block6
;;
;;                                   block5 cold:
;;                                       v22 = stack_addr.i64 ss0
;;                                       v23 = load.i32 notrap aligned region1 v22
;;   @008a                               v14 = call fn0(v0, v23)
;;   @008a                               v15 = iconst.i64 0
;;   @008a                               v16 = icmp eq v14, v15  ; v15 = 0
;;   @008a                               brif v16, block7, block8
;;
;;                                   block7 cold:
;;   @008a                               call fn1(v0)
;;   @008a                               trap user1
;;
;;                                   block8:
;;   @008a                               v17 = load.i32 notrap v14
;;   @008a                               v18 = load.f64 notrap v14+8
;;   @008d                               jump block2(v17)
;;
;;                                   block6 cold:
;;                                       v26 = stack_addr.i64 ss0
;;                                       v27 = load.i32 notrap aligned region1 v26
;;   @008d                               v19 = call fn0(v0, v27), stack_map=[i32 @ ss0+0]
;;   @008d                               v20 = iconst.i64 0
;;   @008d                               v21 = icmp eq v19, v20  ; v20 = 0
;;   @008d                               brif v21, block9, block10
;;
;;                                   block9 cold:
;;   @008d                               call fn1(v0)
;;   @008d                               trap user1
;;
;;                                   block10:
;;                                       v24 = stack_addr.i64 ss0
;;                                       v25 = load.i32 notrap aligned region1 v24
;;   @008e                               call fn2(v0, v25)
;;   @008e                               trap user1
;;
;;                                   block2(v3: i32):
;;   @0091                               jump block1(v3)
;;
;;                                   block1(v2: i32):
;;   @0091                               return v2
;;   }

;; x86-64 of callee:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, rsi
;;      7: mov rsp, rbp                           ; @003d
;;      a: pop rbp
;;      b: ret

;; x86-64 of plain:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x30
;;     10: cmp r10, rsp
;;     13: ja 0x72
;;     19: sub rsp, 0x20
;;     1d: mov [rsp], r12
;;     21: mov [rsp+0x8], r13
;;     26: mov [rsp+0x10], r14
;;     2b: mov [rsp+0x18], r15
;;     30: mov r13, rsi
;;     33: mov r12, [rdi+0x48]                    ; @0042
;;     37: mov r14, rdi
;;     3a: mov r8, [r12]
;;     3e: call r8
;;     41: mov r15, rax
;;     44: mov r8, [r12]                          ; @0046
;;     48: mov rsi, r13
;;     4b: mov rdi, r14
;;     4e: call r8
;;     51: mov rcx, r15
;;     54: add eax, ecx                           ; @0048
;;     56: mov r12, [rsp]                         ; @0049
;;     5a: mov r13, [rsp+0x8]
;;     5f: mov r14, [rsp+0x10]
;;     64: mov r15, [rsp+0x18]
;;     69: add rsp, 0x20
;;     6d: mov rsp, rbp
;;     70: pop rbp
;;     71: ret
;;     72: ud2                                    ; traps: call stack exhausted

;; x86-64 of catches:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x60
;;     10: cmp r10, rsp
;;     13: ja 0x12f
;;     19: sub rsp, 0x50
;;     1d: mov [rsp+0x20], rbx
;;     22: mov [rsp+0x28], r12
;;     27: mov [rsp+0x30], r13
;;     2c: mov [rsp+0x38], r14
;;     31: mov [rsp+0x40], r15
;;     36: mov [rsp+0x8], rsi
;;     3b: mov rsi, [rdi+0x48]                    ; @0056
;;     3f: mov [rsp], rdi
;;     43: mov rcx, [rsi]
;;     46: mov [rsp+0x18], rsi
;;     4b: mov rsi, [rsp+0x8]
;;     50: call rcx                               ; throws to 9f
;;     52: mov rsi, [rsp+0x18]
;;     57: mov [rsp+0x10], rax
;;     5c: mov rax, [rsi]                         ; @005a
;;     5f: mov rsi, [rsp+0x8]
;;     64: mov rdi, [rsp]
;;     68: call rax                               ; throws to b2
;;     6a: mov rcx, [rsp+0x10]
;;     6f: add eax, ecx                           ; @005c
;;     71: mov rbx, [rsp+0x20]                    ; @005e
;;     76: mov r12, [rsp+0x28]
;;     7b: mov r13, [rsp+0x30]
;;     80: mov r14, [rsp+0x38]
;;     85: mov r15, [rsp+0x40]
;;     8a: add rsp, 0x50
;;     8e: mov rsp, rbp
;;     91: pop rbp
;;     92: ret
;;     93: mov ecx, [rax]                         ; @005d
;;     95: movsd xmm0, [rax+0x8]
;;     9a: jmp 0xf8
;;     9f: mov [rsp+0x10], rax
;;     a4: mov rsi, [rsp+0x10]
;;     a9: mov rdi, [rsp]
;;     ad: jmp 0xb9
;;     b2: mov rsi, rax
;;     b5: mov rdi, [rsp]
;;     b9: mov rax, [rdi+0x68]                    ; @005d
;;     bd: mov eax, [rax]
;;     bf: cmp rdx, rax
;;     c2: je 0xda
;;     c8: mov rax, 0x0                           ; ThrowException
;;     d2: mov rdi, [rsp]
;;     d6: call rax
;;     d8: ud2                                    ; traps: unreachable
;;     da: mov rax, 0x0                           ; CatchException
;;     e4: mov rdi, [rsp]
;;     e8: call rax
;;     ea: test rax, rax
;;     ed: je 0x11d
;;     f3: jmp 0x93
;;     f8: mov rax, rcx
;;     fb: mov rbx, [rsp+0x20]                    ; @0061
;;    100: mov r12, [rsp+0x28]
;;    105: mov r13, [rsp+0x30]
;;    10a: mov r14, [rsp+0x38]
;;    10f: mov r15, [rsp+0x40]
;;    114: add rsp, 0x50
;;    118: mov rsp, rbp
;;    11b: pop rbp
;;    11c: ret
;;    11d: mov rax, 0x0                           ; @005d, Unwind
;;    127: mov rdi, [rsp]
;;    12b: call rax
;;    12d: ud2                                    ; traps: unreachable
;;    12f: ud2                                    ; traps: call stack exhausted

;; x86-64 of throws:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x40
;;     10: cmp r10, rsp
;;     13: ja 0xc6
;;     19: sub rsp, 0x30
;;     1d: mov [rsp+0x10], rbx
;;     22: mov [rsp+0x18], r12
;;     27: mov [rsp+0x20], r13
;;     2c: mov rbx, rdi
;;     2f: mov r12, rsi
;;     32: xor esi, esi                           ; @006f
;;     34: mov rax, 0x0                           ; NewException
;;     3e: call rax
;;     40: mov rcx, rax
;;     43: mov r13, rax
;;     46: test eax, ecx
;;     48: je 0xb5
;;     4e: mov rsi, r12
;;     51: mov ecx, esi                           ; @006f
;;     53: lea rdx, [rsp]
;;     57: mov [rsp], rcx
;;     5b: mov rcx, 0x3ff0000000000000            ; @0066
;;     65: movq xmm0, rcx
;;     6a: movsd [rsp+0x8], xmm0                  ; @006f
;;     70: mov ecx, 0x2
;;     75: mov r8, 0x0                            ; FillException
;;     7f: mov rsi, r13
;;     82: mov rdi, rbx
;;     85: call r8
;;     88: test eax, eax
;;     8a: jne 0xa4
;;     90: mov rax, 0x0                           ; ThrowException
;;     9a: mov rsi, r13
;;     9d: mov rdi, rbx
;;     a0: call rax
;;     a2: ud2                                    ; traps: unreachable
;;     a4: mov rax, 0x0                           ; Unwind
;;     ae: mov rdi, rbx
;;     b1: call rax
;;     b3: ud2                                    ; traps: unreachable
;;     b5: mov rax, 0x0                           ; Unwind
;;     bf: mov rdi, rbx
;;     c2: call rax
;;     c4: ud2                                    ; traps: unreachable
;;     c6: ud2                                    ; traps: call stack exhausted

;; x86-64 of here:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x30
;;     10: cmp r10, rsp
;;     13: ja 0x88
;;     19: sub rsp, 0x20
;;     1d: mov [rsp+0x10], r12
;;     22: mov r12, rdi
;;     25: mov [rsp], esi
;;     28: test esi, esi                          ; @007d
;;     2a: je 0x8a
;;     30: mov rax, 0x0                           ; ExceptionTag
;;     3a: call rax
;;     3c: mov esi, [rsp]
;;     3f: jmp 0x4c                               ; @007d
;;     44: mov eax, [rsp]
;;     47: jmp 0x69                               ; @007e
;;     4c: mov rax, 0x0                           ; CatchException
;;     56: mov rdi, r12
;;     59: call rax
;;     5b: test rax, rax
;;     5e: je 0x77
;;     64: jmp 0x44
;;     69: mov r12, [rsp+0x10]                    ; @0081
;;     6e: add rsp, 0x20
;;     72: mov rsp, rbp
;;     75: pop rbp
;;     76: ret
;;     77: mov rax, 0x0                           ; @007e, Unwind
;;     81: mov rdi, r12
;;     84: call rax
;;     86: ud2                                    ; traps: unreachable
;;     88: ud2                                    ; traps: call stack exhausted
;;     8a: ud2                                    ; @007d, traps: null exception reference

;; x86-64 of early:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x50
;;     10: cmp r10, rsp
;;     13: ja 0x102
;;     19: sub rsp, 0x40
;;     1d: mov [rsp+0x10], rbx
;;     22: mov [rsp+0x18], r12
;;     27: mov [rsp+0x20], r13
;;     2c: mov [rsp+0x28], r14
;;     31: mov [rsp+0x30], r15
;;     36: mov rax, [rdi+0x48]                    ; @0088
;;     3a: mov [rsp+0x8], rdi
;;     3f: mov rax, [rax]
;;     42: call rax                               ; throws to 78
;;     44: mov rcx, rax
;;     47: jmp 0x53                               ; @008a
;;     4c: mov ecx, [rax]
;;     4e: movsd xmm0, [rax+0x8]
;;     53: mov rax, rcx
;;     56: mov rbx, [rsp+0x10]                    ; @0091
;;     5b: mov r12, [rsp+0x18]
;;     60: mov r13, [rsp+0x20]
;;     65: mov r14, [rsp+0x28]
;;     6a: mov r15, [rsp+0x30]
;;     6f: add rsp, 0x40
;;     73: mov rsp, rbp
;;     76: pop rbp
;;     77: ret
;;     78: mov rsi, rax
;;     7b: mov [rsp], esi
;;     7e: mov rdi, [rsp+0x8]
;;     83: mov rax, [rdi+0x68]                    ; @008a
;;     87: mov eax, [rax]
;;     89: cmp rdx, rax
;;     8c: je 0xd5
;;     92: mov rax, 0x0                           ; @008d, CatchException
;;     9c: mov rdi, [rsp+0x8]
;;     a1: call rax
;;     a3: test rax, rax
;;     a6: je 0xc2
;;     ac: mov esi, [rsp]
;;     af: mov rax, 0x0                           ; @008e, ThrowException
;;     b9: mov rdi, [rsp+0x8]
;;     be: call rax
;;     c0: ud2                                    ; traps: unreachable
;;     c2: mov rax, 0x0                           ; @008d, Unwind
;;     cc: mov rdi, [rsp+0x8]
;;     d1: call rax
;;     d3: ud2                                    ; traps: unreachable
;;     d5: mov rax, 0x0                           ; @008a, CatchException
;;     df: mov rdi, [rsp+0x8]
;;     e4: call rax
;;     e6: test rax, rax
;;     e9: jne 0x4c
;;     ef: mov rax, 0x0                           ; Unwind
;;     f9: mov rdi, [rsp+0x8]
;;     fe: call rax
;;    100: ud2                                    ; traps: unreachable
;;    102: ud2                                    ; traps: call stack exhausted

;;! off
;; An object is where the nursery goes on, if it ends before the nursery does; otherwise the VM makes it, and may
;; collect: what lives on is in words of the frame that its map names. Fields are written without a barrier.
(module
  (type $pair (struct (field (mut (ref null $pair))) (field i64)))
  (type $bytes (array (mut i8)))
  (func $new (param (ref null $pair)) (result (ref $pair))
    (struct.new $pair (local.get 0) (i64.const 7)))
  (func $array (param i32) (result (ref $bytes)) (array.new_default $bytes (local.get 0))))

;; CLIF of new:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       ss0 = explicit_slot 4, align = 4
;;       region0 = 11 "Nursery"
;;       region1 = 4 "Vm"
;;       region2 = 9 "Header"
;;       region3 = 1799 "Heap 7"
;;       region4 = 2823 "Heap 11"
;;       region5 = 12 "Spill"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64, i32) -> i32 system_v
;;       sig1 = (i64) system_v
;;       fn0 = u0:21 sig0
;;       fn1 = u0:13 sig1
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;                                       v27 = stack_addr.i64 ss0
;;                                       store notrap aligned region5 v1, v27
;;   @002e                               v3 = iconst.i64 7
;;   @0030                               v4 = iconst.i32 0
;;   @0030                               v5 = load.i64 notrap aligned readonly can_move v0
;;   @0030                               v6 = load.i32 notrap aligned little region0 v5+48
;;   @0030                               v7 = load.i32 notrap aligned little region0 v5+52
;;   @0030                               v8 = iconst.i32 16
;;   @0030                               v9 = iadd v6, v8  ; v8 = 16
;;   @0030                               v10 = icmp ule v9, v7
;;   @0030                               brif v10, block2, block3
;;
;;                                   block3 cold:
;;   @0030                               v12 = call fn0(v0, v4), stack_map=[i32 @ ss0+0]  ; v4 = 0
;;   @0030                               v13 = iconst.i32 0
;;   @0030                               v14 = icmp eq v12, v13  ; v13 = 0
;;   @0030                               brif v14, block5, block6
;;
;;                                   block5 cold:
;;   @0030                               call fn1(v0)
;;   @0030                               trap user1
;;
;;                                   block6:
;;   @0030                               jump block4(v12)
;;
;;                                   block2:
;;   @0030                               store.i32 notrap aligned little region0 v9, v5+48
;;   @0030                               jump block4(v6)
;;
;;                                   block4(v11: i32):
;;   @0030                               v15 = load.i64 notrap aligned readonly can_move v0+64
;;   @0030                               v16 = load.i32 notrap aligned readonly can_move v15
;;   @0030                               v17 = uextend.i64 v11
;;   @0030                               v18 = load.i64 notrap aligned readonly can_move v0
;;   @0030                               v19 = load.i64 notrap aligned little region1 v18+32
;;   @0030                               v20 = iadd v19, v17
;;   @0030                               store notrap aligned little region2 v16, v20
;;   @0030                               v21 = uextend.i64 v11
;;   @0030                               v22 = iadd v19, v21
;;                                       v25 = stack_addr.i64 ss0
;;                                       v26 = load.i32 notrap aligned region5 v25
;;   @0030                               store notrap little region3 v26, v22+4
;;   @0030                               v23 = uextend.i64 v11
;;   @0030                               v24 = iadd v19, v23
;;   @0030                               store.i64 notrap little region4 v3, v24+8  ; v3 = 7
;;   @0033                               jump block1(v11)
;;
;;                                   block1(v2: i32):
;;   @0033                               return v2
;;   }

;; CLIF of array:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       region0 = 11 "Nursery"
;;       region1 = 4 "Vm"
;;       region2 = 9 "Header"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64, i32, i32) -> i32 system_v
;;       sig1 = (i64) system_v
;;       fn0 = u0:22 sig0
;;       fn1 = u0:13 sig1
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0038                               v3 = iconst.i32 1
;;   @0038                               v4 = load.i64 notrap aligned readonly can_move v0
;;   @0038                               v5 = load.i32 notrap aligned little region0 v4+48
;;   @0038                               v6 = load.i32 notrap aligned little region0 v4+52
;;   @0038                               v7 = iconst.i32 8176
;;   @0038                               v8 = icmp ult v1, v7  ; v7 = 8176
;;   @0038                               v9 = uextend.i64 v1
;;   @0038                               v10 = iconst.i64 0
;;   @0038                               v11 = ishl v9, v10  ; v10 = 0
;;   @0038                               v12 = iconst.i64 15
;;   @0038                               v13 = iadd v11, v12  ; v12 = 15
;;   @0038                               v14 = iconst.i64 -8
;;   @0038                               v15 = band v13, v14  ; v14 = -8
;;   @0038                               v16 = uextend.i64 v5
;;   @0038                               v17 = uextend.i64 v6
;;   @0038                               v18 = iadd v16, v15
;;   @0038                               v19 = icmp ule v18, v17
;;   @0038                               v20 = band v8, v19
;;   @0038                               v21 = ireduce.i32 v18
;;   @0038                               brif v20, block2, block3
;;
;;                                   block3 cold:
;;   @0038                               v23 = call fn0(v0, v3, v1)  ; v3 = 1
;;   @0038                               v24 = iconst.i32 0
;;   @0038                               v25 = icmp eq v23, v24  ; v24 = 0
;;   @0038                               brif v25, block5, block6
;;
;;                                   block5 cold:
;;   @0038                               call fn1(v0)
;;   @0038                               trap user1
;;
;;                                   block6:
;;   @0038                               jump block4(v23)
;;
;;                                   block2:
;;   @0038                               store.i32 notrap aligned little region0 v21, v4+48
;;   @0038                               jump block4(v5)
;;
;;                                   block4(v22: i32):
;;   @0038                               v26 = load.i64 notrap aligned readonly can_move v0+64
;;   @0038                               v27 = load.i32 notrap aligned readonly can_move v26+4
;;   @0038                               v28 = uextend.i64 v22
;;   @0038                               v29 = load.i64 notrap aligned readonly can_move v0
;;   @0038                               v30 = load.i64 notrap aligned little region1 v29+32
;;   @0038                               v31 = iadd v30, v28
;;   @0038                               store notrap aligned little region2 v27, v31
;;   @0038                               store.i32 notrap aligned little region2 v1, v31+4
;;   @003b                               jump block1(v22)
;;
;;                                   block1(v2: i32):
;;   @003b                               return v2
;;   }

;; x86-64 of new:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x30
;;     10: cmp r10, rsp
;;     13: ja 0xb3
;;     19: sub rsp, 0x20
;;     1d: mov [rsp+0x10], rbx
;;     22: mov [rsp+0x18], r12
;;     27: mov [rsp], esi
;;     2a: mov rbx, [rdi]                         ; @0030
;;     2d: mov r12, rdi
;;     30: mov eax, [rbx+0x30]
;;     33: mov ecx, [rbx+0x34]
;;     36: lea edx, [rax+0x10]
;;     39: cmp edx, ecx
;;     3b: jbe 0x4e
;;     41: jmp 0x89
;;     46: mov rdi, r12
;;     49: jmp 0x57                               ; @0030
;;     4e: mov rdi, r12
;;     51: lea ecx, [rax+0x10]
;;     54: mov [rbx+0x30], ecx                    ; @0030
;;     57: mov rcx, [rbx+0x20]
;;     5b: mov rdx, [rdi+0x40]
;;     5f: mov esi, [rdx]
;;     61: mov edx, eax
;;     63: mov [rcx+rdx], esi
;;     66: mov esi, [rsp]
;;     69: mov [rcx+rdx+0x4], esi                 ; @0030
;;     6d: mov qword ptr [rcx+rdx+0x8], 0x7
;;     76: mov rbx, [rsp+0x10]                    ; @0033
;;     7b: mov r12, [rsp+0x18]
;;     80: add rsp, 0x20
;;     84: mov rsp, rbp
;;     87: pop rbp
;;     88: ret
;;     89: xor esi, esi                           ; @0030
;;     8b: mov rax, 0x0                           ; NewStruct
;;     95: mov rdi, r12
;;     98: call rax
;;     9a: test eax, eax
;;     9c: jne 0x46
;;     a2: mov rax, 0x0                           ; Unwind
;;     ac: mov rdi, r12
;;     af: call rax
;;     b1: ud2                                    ; traps: unreachable
;;     b3: ud2                                    ; traps: call stack exhausted

;; x86-64 of array:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x30
;;     10: cmp r10, rsp
;;     13: ja 0xda
;;     19: sub rsp, 0x20
;;     1d: mov [rsp], rbx
;;     21: mov [rsp+0x8], r12
;;     26: mov [rsp+0x10], r13
;;     2b: mov rbx, [rdi]                         ; @0038
;;     2e: mov r13, rdi
;;     31: mov eax, [rbx+0x30]
;;     34: mov ecx, [rbx+0x34]
;;     37: cmp esi, 0x1ff0
;;     3d: setb dl
;;     40: mov edi, esi
;;     42: mov r12, rsi
;;     45: lea rsi, [rdi+0xf]
;;     49: and rsi, 0xfffffffffffffff8
;;     4d: add rsi, rax
;;     50: cmp rsi, rcx
;;     53: setbe cl
;;     56: test cl, dl
;;     58: jne 0x6e
;;     5e: jmp 0xaa
;;     63: mov rsi, r12
;;     66: mov rdi, r13
;;     69: jmp 0x7f                               ; @0038
;;     6e: mov rsi, r12
;;     71: mov rdi, r13
;;     74: lea ecx, [rsi+0xf]
;;     77: and ecx, 0xfffffff8
;;     7a: add ecx, eax
;;     7c: mov [rbx+0x30], ecx                    ; @0038
;;     7f: mov rcx, [rbx+0x20]
;;     83: mov rdx, [rdi+0x40]
;;     87: mov edx, [rdx+0x4]
;;     8a: mov edi, eax
;;     8c: mov [rcx+rdi], edx
;;     8f: mov [rcx+rdi+0x4], esi
;;     93: mov rbx, [rsp]                         ; @003b
;;     97: mov r12, [rsp+0x8]
;;     9c: mov r13, [rsp+0x10]
;;     a1: add rsp, 0x20
;;     a5: mov rsp, rbp
;;     a8: pop rbp
;;     a9: ret
;;     aa: mov esi, 0x1                           ; @0038
;;     af: mov rax, 0x0                           ; NewArray
;;     b9: mov rdx, r12
;;     bc: mov rdi, r13
;;     bf: call rax
;;     c1: test eax, eax
;;     c3: jne 0x63
;;     c9: mov rax, 0x0                           ; Unwind
;;     d3: mov rdi, r13
;;     d6: call rax
;;     d8: ud2                                    ; traps: unreachable
;;     da: ud2                                    ; traps: call stack exhausted

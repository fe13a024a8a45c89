;;! guarded page
;; The second form of a small loop makes four turns between its tests, and polls once in them. What is left over
;; goes to the loop itself.
(module (memory 1)
  (func $scale (param $x i32) (param $y i32) (param $n i32)
    (loop $l
      (f64.store (local.get $y) (f64.mul (f64.load (local.get $x)) (f64.load (local.get $y))))
      (local.set $x (i32.add (local.get $x) (i32.const 8)))
      (local.set $y (i32.add (local.get $y) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))

;; CLIF of scale:
;;   function u0:0(i64 vmctx, i32, i32, i32) tail {
;;       region0 = 5 "Poll"
;;       region1 = 1 "Memory"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32, v3: i32):
;;                                       v4 = load.i64 notrap aligned readonly can_move v0+96
;;                                       v5 = load.i8 user12 little region0 v4
;;   @001f                               jump block2(v2, v1, v3)
;;
;;                                   block2(v8: i32, v9: i32, v26: i32):
;;   @001f                               v6 = load.i64 notrap aligned readonly can_move v0+96
;;   @001f                               v7 = load.i8 user12 little region0 v6+8
;;   @0025                               v10 = load.i64 notrap aligned readonly can_move v0+8
;;   @0025                               v11 = uextend.i64 v9
;;   @0025                               v12 = iadd v10, v11
;;   @0025                               v13 = load.f64 user2 little region1 v12
;;   @002a                               v14 = load.i64 notrap aligned readonly can_move v0+8
;;   @002a                               v15 = uextend.i64 v8
;;   @002a                               v16 = iadd v14, v15
;;   @002a                               v17 = load.f64 user2 little region1 v16
;;   @002d                               v18 = fmul v13, v17
;;   @002e                               v19 = load.i64 notrap aligned readonly can_move v0+8
;;   @002e                               v20 = uextend.i64 v8
;;   @002e                               v21 = iadd v19, v20
;;   @002e                               store user2 little region1 v18, v21
;;   @0033                               v22 = iconst.i32 8
;;   @0035                               v23 = iadd v9, v22  ; v22 = 8
;;   @003a                               v24 = iconst.i32 8
;;   @003c                               v25 = iadd v8, v24  ; v24 = 8
;;   @0041                               v27 = iconst.i32 1
;;   @0043                               v28 = isub v26, v27  ; v27 = 1
;;   @0046                               brif v28, block2(v25, v23, v28), block3
;;
;;                                   block3:
;;   @0049                               jump block1
;;
;;                                   block1:
;;   @0049                               return
;;   }

;; x86-64 of scale:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x20
;;     10: cmp r10, rsp
;;     13: ja 0x182
;;     19: sub rsp, 0x20
;;     1d: mov [rsp], rbx
;;     21: mov [rsp+0x8], r12
;;     26: mov [rsp+0x10], r13
;;     2b: mov rax, [rdi+0x60]
;;     2f: movzx r8, byte ptr [rax]               ; traps: interrupted
;;     33: mov rdi, [rdi+0x8]                     ; @0025
;;     37: mov r8, rcx
;;     3a: sub r8d, 0x1
;;     3e: sub r8d, 0x0                           ; @0046
;;     42: add r8, 0x1
;;     49: mov r9, r8
;;     4c: sub r9, 0x20
;;     50: cmp r9, [0x188]
;;     57: jae 0x137
;;     5d: mov r10, r8
;;     60: sub r10, 0x1                           ; @0046
;;     64: mov r9d, esi
;;     67: add r9, rdi
;;     6a: mov r11d, esi
;;     6d: lea r11, [r11+r10*8]
;;     71: cmp r11, [0x190]
;;     78: seta r13b
;;     7c: mov r11d, edx
;;     7f: add r11, rdi
;;     82: mov ebx, edx
;;     84: lea r10, [rbx+r10*8]
;;     88: cmp r10, [0x190]
;;     8f: seta r10b
;;     93: or r13d, r10d
;;     96: mov r10, r8
;;     99: and r10, 0xfffffffffffffffc
;;     9d: xor rbx, rbx
;;     a0: mov r12, r10
;;     a3: shl r12, 0x3
;;     a7: test r13b, r13b                        ; @0046
;;     aa: jne 0x137
;;     b0: movzx r13, byte ptr [rax+0x8]          ; @001f, traps: interrupted
;;     b5: movsd xmm5, [r9+rbx]                   ; @0025, traps: out of bounds memory access
;;     bb: mulsd xmm5, [r11+rbx]                  ; @002a, traps: out of bounds memory access
;;     c1: movsd [r11+rbx], xmm5                  ; traps: out of bounds memory access
;;     c7: movsd xmm6, [r9+rbx+0x8]               ; @0025, traps: out of bounds memory access
;;     ce: mulsd xmm6, [r11+rbx+0x8]              ; @002a, traps: out of bounds memory access
;;     d5: movsd [r11+rbx+0x8], xmm6              ; traps: out of bounds memory access
;;     dc: movsd xmm7, [r9+rbx+0x10]              ; @0025, traps: out of bounds memory access
;;     e3: mulsd xmm7, [r11+rbx+0x10]             ; @002a, traps: out of bounds memory access
;;     ea: movsd [r11+rbx+0x10], xmm7             ; traps: out of bounds memory access
;;     f1: movsd xmm0, [r9+rbx+0x18]              ; @0025, traps: out of bounds memory access
;;     f8: mulsd xmm0, [r11+rbx+0x18]             ; @002a, traps: out of bounds memory access
;;     ff: movsd [r11+rbx+0x18], xmm0             ; traps: out of bounds memory access
;;    106: add rbx, 0x20                          ; @0046
;;    10d: cmp rbx, r12
;;    110: jne 0xb0
;;    116: sub r8, r10
;;    119: test r8, r8
;;    11c: je 0x16b
;;    122: imul r8d, r10d, 0x8
;;    126: add edx, r8d
;;    129: imul r8d, r10d, 0x8
;;    12d: add esi, r8d
;;    130: imul r8d, r10d, 0xffffffff
;;    134: add ecx, r8d
;;    137: movzx r8, byte ptr [rax+0x8]           ; @001f, traps: interrupted
;;    13c: mov r8d, esi                           ; @0025
;;    13f: movsd xmm0, [rdi+r8]                   ; traps: out of bounds memory access
;;    145: mov r8d, edx                           ; @002a
;;    148: mulsd xmm0, [rdi+r8]                   ; traps: out of bounds memory access
;;    14e: movsd [rdi+r8], xmm0                   ; traps: out of bounds memory access
;;    154: sub ecx, 0x1
;;    157: add edx, 0x8
;;    15d: add esi, 0x8
;;    163: test ecx, ecx                          ; @0046
;;    165: jne 0x137
;;    16b: mov rbx, [rsp]                         ; @0049
;;    16f: mov r12, [rsp+0x8]
;;    174: mov r13, [rsp+0x10]
;;    179: add rsp, 0x20
;;    17d: mov rsp, rbp
;;    180: pop rbp
;;    181: ret
;;    182: ud2                                    ; traps: call stack exhausted
;;    184: data 00 00 00 00 e0 ff ff ff 00 00 00 00
;;    190: data ff ff ff ff 00 00 00 00

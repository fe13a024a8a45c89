;;! flag
;; The entry and each loop compare a word with zero, and call where it is not.
(module
  (func $loops (param i32)
    (loop (br_if 0 (local.get 0)))))

;; CLIF of loops:
;;   function u0:0(i64 vmctx, i32) tail {
;;       region0 = 5 "Poll"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64) -> i32 system_v
;;       sig1 = (i64) system_v
;;       fn0 = u0:13 sig0
;;       fn1 = u0:15 sig1
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;                                       v13 -> v1
;;                                       v14 -> v1
;;                                       v12 -> v13
;;                                       v2 = load.i64 notrap aligned readonly can_move v0+88
;;                                       v3 = iconst.i64 0
;;                                       v4 = atomic_load.i64 notrap aligned little region0 v2
;;                                       v5 = icmp eq v4, v3  ; v3 = 0
;;                                       brif v5, block2, block3
;;
;;                                   block2 cold:
;;                                       v6 = call fn0(v0)
;;                                       brif v6, block4, block5
;;
;;                                   block4 cold:
;;                                       call fn1(v0)
;;                                       trap user1
;;
;;                                   block5:
;;                                       jump block3
;;
;;                                   block3:
;;   @0018                               jump block6
;;
;;                                   block6:
;;   @0018                               v7 = load.i64 notrap aligned readonly can_move v0+88
;;   @0018                               v8 = iconst.i64 0
;;   @0018                               v9 = atomic_load.i64 notrap aligned little region0 v7
;;   @0018                               v10 = icmp eq v9, v8  ; v8 = 0
;;   @0018                               brif v10, block7, block8
;;
;;                                   block7 cold:
;;   @0018                               v11 = call fn0(v0)
;;   @0018                               brif v11, block9, block10
;;
;;                                   block9 cold:
;;   @0018                               call fn1(v0)
;;   @0018                               trap user1
;;
;;                                   block10:
;;   @0018                               jump block8
;;
;;                                   block8:
;;   @001c                               brif.i32 v13, block6, block11
;;
;;                                   block11:
;;   @001f                               jump block1
;;
;;                                   block1:
;;   @001f                               return
;;   }

;; x86-64 of loops:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x30
;;     10: cmp r10, rsp
;;     13: ja 0xd6
;;     19: sub rsp, 0x20
;;     1d: mov [rsp], r12
;;     21: mov [rsp+0x8], r13
;;     26: mov [rsp+0x10], r14
;;     2b: mov r14, rsi
;;     2e: mov r12, [rdi+0x58]
;;     32: mov r13, rdi
;;     35: mov r11, [r12]
;;     39: test r11, r11
;;     3c: je 0x81
;;     42: mov rax, [r12]                         ; @0018
;;     46: test rax, rax
;;     49: je 0x9d
;;     4f: mov rsi, r14
;;     52: jmp 0x5a
;;     57: mov rsi, r14
;;     5a: test esi, esi                          ; @001c
;;     5c: je 0x6a
;;     62: mov r14, rsi
;;     65: jmp 0x42
;;     6a: mov r12, [rsp]                         ; @001f
;;     6e: mov r13, [rsp+0x8]
;;     73: mov r14, [rsp+0x10]
;;     78: add rsp, 0x20
;;     7c: mov rsp, rbp
;;     7f: pop rbp
;;     80: ret
;;     81: mov rcx, 0x0                           ; Poll
;;     8b: mov rdi, r13
;;     8e: call rcx
;;     90: test eax, eax
;;     92: jne 0xc5
;;     98: jmp 0x42
;;     9d: mov rax, 0x0                           ; @0018, Poll
;;     a7: mov rdi, r13
;;     aa: call rax
;;     ac: test eax, eax
;;     ae: je 0x57
;;     b4: mov rax, 0x0                           ; Unwind
;;     be: mov rdi, r13
;;     c1: call rax
;;     c3: ud2                                    ; traps: unreachable
;;     c5: mov rax, 0x0                           ; Unwind
;;     cf: mov rdi, r13
;;     d2: call rax
;;     d4: ud2                                    ; traps: unreachable
;;     d6: ud2                                    ; traps: call stack exhausted

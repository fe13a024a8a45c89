;;! off
;; Bulk operators are calls of the VM, whose status is looked at.
(module (memory 1) (data $d "abc")
  (func $fill (param i32) (memory.fill (local.get 0) (i32.const 1) (i32.const 2)))
  (func $copy (param i32) (memory.copy (local.get 0) (i32.const 1) (i32.const 2)))
  (func $init (memory.init $d (i32.const 0) (i32.const 0) (i32.const 3)) (data.drop $d)))

;; CLIF of fill:
;;   function u0:0(i64 vmctx, i32) tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64, i32, i64, i32, i64) -> i32 system_v
;;       sig1 = (i64) system_v
;;       fn0 = u0:1 sig0
;;       fn1 = u0:13 sig1
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0027                               v2 = iconst.i32 1
;;   @0029                               v3 = iconst.i32 2
;;   @002b                               v4 = uextend.i64 v3  ; v3 = 2
;;   @002b                               v5 = uextend.i64 v1
;;   @002b                               v6 = load.i64 notrap aligned readonly can_move v0+16
;;   @002b                               v7 = iconst.i32 0
;;   @002b                               v8 = call fn0(v0, v7, v5, v2, v4)  ; v7 = 0, v2 = 1
;;   @002b                               brif v8, block2, block3
;;
;;                                   block2 cold:
;;   @002b                               call fn1(v0)
;;   @002b                               trap user1
;;
;;                                   block3:
;;   @002e                               jump block1
;;
;;                                   block1:
;;   @002e                               return
;;   }

;; CLIF of copy:
;;   function u0:0(i64 vmctx, i32) tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64, i32, i64, i32, i64, i64) -> i32 system_v
;;       sig1 = (i64) system_v
;;       fn0 = u0:2 sig0
;;       fn1 = u0:13 sig1
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0033                               v2 = iconst.i32 1
;;   @0035                               v3 = iconst.i32 2
;;   @0037                               v4 = uextend.i64 v3  ; v3 = 2
;;   @0037                               v5 = uextend.i64 v2  ; v2 = 1
;;   @0037                               v6 = uextend.i64 v1
;;   @0037                               v7 = iconst.i32 0
;;   @0037                               v8 = iconst.i32 0
;;   @0037                               v9 = load.i64 notrap aligned readonly can_move v0+16
;;   @0037                               v10 = call fn0(v0, v7, v6, v8, v5, v4)  ; v7 = 0, v8 = 0
;;   @0037                               brif v10, block2, block3
;;
;;                                   block2 cold:
;;   @0037                               call fn1(v0)
;;   @0037                               trap user1
;;
;;                                   block3:
;;   @003b                               jump block1
;;
;;                                   block1:
;;   @003b                               return
;;   }

;; CLIF of init:
;;   function u0:0(i64 vmctx) tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64, i32, i32, i64, i64, i64) -> i32 system_v
;;       sig1 = (i64) system_v
;;       sig2 = (i64, i32) -> i32 system_v
;;       fn0 = u0:3 sig0
;;       fn1 = u0:13 sig1
;;       fn2 = u0:4 sig2
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64):
;;   @003e                               v1 = iconst.i32 0
;;   @0040                               v2 = iconst.i32 0
;;   @0042                               v3 = iconst.i32 3
;;   @0044                               v4 = uextend.i64 v3  ; v3 = 3
;;   @0044                               v5 = uextend.i64 v2  ; v2 = 0
;;   @0044                               v6 = uextend.i64 v1  ; v1 = 0
;;   @0044                               v7 = iconst.i32 0
;;   @0044                               v8 = iconst.i32 0
;;   @0044                               v9 = load.i64 notrap aligned readonly can_move v0+16
;;   @0044                               v10 = call fn0(v0, v7, v8, v6, v5, v4)  ; v7 = 0, v8 = 0
;;   @0044                               brif v10, block2, block3
;;
;;                                   block2 cold:
;;   @0044                               call fn1(v0)
;;   @0044                               trap user1
;;
;;                                   block3:
;;   @0048                               v11 = iconst.i32 0
;;   @0048                               v12 = call fn2(v0, v11)  ; v11 = 0
;;   @0048                               brif v12, block4, block5
;;
;;                                   block4 cold:
;;   @0048                               call fn1(v0)
;;   @0048                               trap user1
;;
;;                                   block5:
;;   @004b                               jump block1
;;
;;                                   block1:
;;   @004b                               return
;;   }

;; x86-64 of fill:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x20
;;     10: cmp r10, rsp
;;     13: ja 0x69
;;     19: sub rsp, 0x10
;;     1d: mov [rsp], r12
;;     21: mov rax, rsi
;;     24: mov r12, rdi
;;     27: xor esi, esi                           ; @002b
;;     29: mov edx, eax
;;     2b: mov ecx, 0x1                           ; @0027
;;     30: mov r8d, 0x2
;;     36: mov r10, 0x0                           ; @002b, MemoryFill
;;     40: call r10
;;     43: test eax, eax
;;     45: jne 0x58
;;     4b: mov r12, [rsp]                         ; @002e
;;     4f: add rsp, 0x10
;;     53: mov rsp, rbp
;;     56: pop rbp
;;     57: ret
;;     58: mov rax, 0x0                           ; @002b, Unwind
;;     62: mov rdi, r12
;;     65: call rax
;;     67: ud2                                    ; traps: unreachable
;;     69: ud2                                    ; traps: call stack exhausted

;; x86-64 of copy:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x20
;;     10: cmp r10, rsp
;;     13: ja 0x6a
;;     19: sub rsp, 0x10
;;     1d: mov [rsp], r12
;;     21: mov r12, rdi
;;     24: xor ecx, ecx                           ; @0037
;;     26: mov edx, esi
;;     28: mov r8d, 0x1
;;     2e: mov r9d, 0x2
;;     34: mov r10, 0x0                           ; @0037, MemoryCopy
;;     3e: mov rsi, rcx
;;     41: call r10
;;     44: test eax, eax
;;     46: jne 0x59
;;     4c: mov r12, [rsp]                         ; @003b
;;     50: add rsp, 0x10
;;     54: mov rsp, rbp
;;     57: pop rbp
;;     58: ret
;;     59: mov rax, 0x0                           ; @0037, Unwind
;;     63: mov rdi, r12
;;     66: call rax
;;     68: ud2                                    ; traps: unreachable
;;     6a: ud2                                    ; traps: call stack exhausted

;; x86-64 of init:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x20
;;     10: cmp r10, rsp
;;     13: ja 0x91
;;     19: sub rsp, 0x10
;;     1d: mov [rsp], r15
;;     21: mov r15, rdi
;;     24: xor edx, edx                           ; @003e
;;     26: xor r8, r8
;;     29: mov r9d, 0x3
;;     2f: mov rax, 0x0                           ; @0044, MemoryInit
;;     39: mov rcx, r8
;;     3c: mov rsi, rdx
;;     3f: call rax
;;     41: test eax, eax
;;     43: jne 0x80
;;     49: xor esi, esi
;;     4b: mov rax, 0x0                           ; @0048, DataDrop
;;     55: mov rdi, r15
;;     58: call rax
;;     5a: test eax, eax
;;     5c: jne 0x6f
;;     62: mov r15, [rsp]                         ; @004b
;;     66: add rsp, 0x10
;;     6a: mov rsp, rbp
;;     6d: pop rbp
;;     6e: ret
;;     6f: mov rax, 0x0                           ; @0048, Unwind
;;     79: mov rdi, r15
;;     7c: call rax
;;     7e: ud2                                    ; traps: unreachable
;;     80: mov rax, 0x0                           ; @0044, Unwind
;;     8a: mov rdi, r15
;;     8d: call rax
;;     8f: ud2                                    ; traps: unreachable
;;     91: ud2                                    ; traps: call stack exhausted

;;! off
;; Bulk operators are calls of the VM, whose status is looked at.
(module (memory 1) (data $d "abc")
  (func $fill (param i32) (memory.fill (local.get 0) (i32.const 1) (i32.const 2)))
  (func $copy (param i32) (memory.copy (local.get 0) (i32.const 1) (i32.const 2)))
  (func $init (memory.init $d (i32.const 0) (i32.const 0) (i32.const 3)) (data.drop $d)))

;; CLIF of fill:
;;   function u0:0(i64 vmctx, i32) tail {
;;       region0 = 4 "Vm"
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
;;   @002b                               v6 = load.i64 notrap aligned little region0 v0+16
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
;;       region0 = 4 "Vm"
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
;;   @0037                               v9 = load.i64 notrap aligned little region0 v0+16
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
;;       region0 = 4 "Vm"
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
;;   @0044                               v9 = load.i64 notrap aligned little region0 v0+16
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
;;     13: ja 0x6d
;;     19: sub rsp, 0x10
;;     1d: mov [rsp], r12
;;     21: mov rax, rsi
;;     24: mov r11, [rdi+0x10]                    ; @002b
;;     28: mov r12, rdi
;;     2b: xor esi, esi
;;     2d: mov edx, eax
;;     2f: mov ecx, 0x1                           ; @0027
;;     34: mov r8d, 0x2
;;     3a: mov r11, 0x0                           ; @002b, MemoryFill
;;     44: call r11
;;     47: test eax, eax
;;     49: jne 0x5c
;;     4f: mov r12, [rsp]                         ; @002e
;;     53: add rsp, 0x10
;;     57: mov rsp, rbp
;;     5a: pop rbp
;;     5b: ret
;;     5c: mov rax, 0x0                           ; @002b, Unwind
;;     66: mov rdi, r12
;;     69: call rax
;;     6b: ud2                                    ; traps: unreachable
;;     6d: ud2                                    ; traps: call stack exhausted

;; x86-64 of copy:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x20
;;     10: cmp r10, rsp
;;     13: ja 0x6e
;;     19: sub rsp, 0x10
;;     1d: mov [rsp], r12
;;     21: mov r11, [rdi+0x10]                    ; @0037
;;     25: mov r12, rdi
;;     28: xor ecx, ecx
;;     2a: mov edx, esi
;;     2c: mov r8d, 0x1
;;     32: mov r9d, 0x2
;;     38: mov r11, 0x0                           ; @0037, MemoryCopy
;;     42: mov rsi, rcx
;;     45: call r11
;;     48: test eax, eax
;;     4a: jne 0x5d
;;     50: mov r12, [rsp]                         ; @003b
;;     54: add rsp, 0x10
;;     58: mov rsp, rbp
;;     5b: pop rbp
;;     5c: ret
;;     5d: mov rax, 0x0                           ; @0037, Unwind
;;     67: mov rdi, r12
;;     6a: call rax
;;     6c: ud2                                    ; traps: unreachable
;;     6e: ud2                                    ; traps: call stack exhausted

;; x86-64 of init:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x20
;;     10: cmp r10, rsp
;;     13: ja 0x95
;;     19: sub rsp, 0x10
;;     1d: mov [rsp], rbx
;;     21: mov rax, [rdi+0x10]                    ; @0044
;;     25: mov rbx, rdi
;;     28: xor edx, edx                           ; @003e
;;     2a: xor r8, r8
;;     2d: mov r9d, 0x3
;;     33: mov rax, 0x0                           ; @0044, MemoryInit
;;     3d: mov rcx, r8
;;     40: mov rsi, rdx
;;     43: call rax
;;     45: test eax, eax
;;     47: jne 0x84
;;     4d: xor esi, esi
;;     4f: mov rax, 0x0                           ; @0048, DataDrop
;;     59: mov rdi, rbx
;;     5c: call rax
;;     5e: test eax, eax
;;     60: jne 0x73
;;     66: mov rbx, [rsp]                         ; @004b
;;     6a: add rsp, 0x10
;;     6e: mov rsp, rbp
;;     71: pop rbp
;;     72: ret
;;     73: mov rax, 0x0                           ; @0048, Unwind
;;     7d: mov rdi, rbx
;;     80: call rax
;;     82: ud2                                    ; traps: unreachable
;;     84: mov rax, 0x0                           ; @0044, Unwind
;;     8e: mov rdi, rbx
;;     91: call rax
;;     93: ud2                                    ; traps: unreachable
;;     95: ud2                                    ; traps: call stack exhausted

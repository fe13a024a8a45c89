;;! fuel
;; What is executed together is charged together, before anything that others can see.
(module (global $g (mut i32) (i32.const 0))
  (func $charged (param i32) (result i32)
    (loop (br_if 0 (i32.eqz (local.get 0))))
    (global.set $g (local.get 0))
    (i32.add (local.get 0) (i32.const 1))))

;; CLIF of charged:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       region0 = 3 "Global"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;                                       v3 -> v1
;;   @0021                               jump block2
;;
;;                                   block2:
;;   @0025                               v4 = iconst.i32 0
;;   @0025                               v5 = icmp.i32 eq v3, v4  ; v4 = 0
;;   @0025                               v6 = uextend.i32 v5
;;   @0026                               v7 = iconst.i64 3
;;   @0026                               v8 = get_pinned_reg.i64
;;   @0026                               v9 = uadd_overflow_trap v8, v7, user11  ; v7 = 3
;;   @0026                               set_pinned_reg v9
;;   @0026                               brif v6, block2, block3
;;
;;                                   block3:
;;   @002b                               v10 = load.i64 notrap aligned readonly can_move v0+32
;;   @002b                               v11 = load.i64 notrap aligned readonly can_move v10
;;   @002b                               v12 = uextend.i64 v3
;;   @002b                               store notrap little region0 v12, v11
;;   @002f                               v13 = iconst.i32 1
;;   @0031                               v14 = iadd.i32 v3, v13  ; v13 = 1
;;   @0032                               v15 = iconst.i64 5
;;   @0032                               v16 = get_pinned_reg.i64
;;   @0032                               v17 = uadd_overflow_trap v16, v15, user11  ; v15 = 5
;;   @0032                               set_pinned_reg v17
;;   @0032                               jump block1(v14)
;;
;;                                   block1(v2: i32):
;;   @0032                               return v2
;;   }

;; x86-64 of charged:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, r15                           ; @0026
;;      7: add r10, 0x3
;;      b: jb 0x40
;;     11: mov r15, r10
;;     14: test esi, esi
;;     16: je 0x4
;;     1c: mov eax, esi                           ; @002b
;;     1e: mov rcx, [rdi+0x20]
;;     22: mov rcx, [rcx]
;;     25: mov [rcx], rax
;;     28: mov rax, r15                           ; @0032
;;     2b: add rax, 0x5
;;     2f: jb 0x42
;;     35: mov r15, rax
;;     38: lea eax, [rsi+0x1]                     ; @0031
;;     3b: mov rsp, rbp                           ; @0032
;;     3e: pop rbp
;;     3f: ret
;;     40: ud2                                    ; @0026, traps: all fuel consumed by WebAssembly
;;     42: ud2                                    ; @0032, traps: all fuel consumed by WebAssembly

;;! fuel
;; What is executed together is charged together, before anything that others can see.
(module (global $g (mut i32) (i32.const 0))
  (func $charged (param i32) (result i32)
    (loop (br_if 0 (i32.eqz (local.get 0))))
    (global.set $g (local.get 0))
    (i32.add (local.get 0) (i32.const 1))))

;; CLIF of charged:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       region0 = 4 "Vm"
;;       region1 = 3 "Global"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;                                       v11 -> v1
;;                                       v3 = load.i64 notrap aligned readonly can_move v0
;;                                       v4 = load.i64 notrap aligned little region0 v3+8
;;                                       v5 = iconst.i64 0
;;                                       v6 = icmp slt v4, v5  ; v5 = 0
;;                                       trapnz v6, user11
;;   @0021                               jump block2
;;
;;                                   block2:
;;   @0021                               v7 = load.i64 notrap aligned readonly can_move v0
;;   @0021                               v8 = load.i64 notrap aligned little region0 v7+8
;;   @0021                               v9 = iconst.i64 0
;;   @0021                               v10 = icmp slt v8, v9  ; v9 = 0
;;   @0021                               trapnz v10, user11
;;   @0025                               v12 = iconst.i32 0
;;   @0025                               v13 = icmp.i32 eq v11, v12  ; v12 = 0
;;   @0025                               v14 = uextend.i32 v13
;;   @0026                               v15 = iconst.i64 3
;;   @0026                               v16 = load.i64 notrap aligned readonly can_move v0
;;   @0026                               v17 = load.i64 notrap aligned little region0 v16+8
;;   @0026                               v18 = isub v17, v15  ; v15 = 3
;;   @0026                               store notrap aligned little region0 v18, v16+8
;;   @0026                               brif v14, block2, block3
;;
;;                                   block3:
;;   @002b                               v19 = load.i64 notrap aligned readonly can_move v0+32
;;   @002b                               v20 = load.i64 notrap aligned readonly can_move v19
;;   @002b                               v21 = uextend.i64 v11
;;   @002b                               store notrap little region1 v21, v20
;;   @002f                               v22 = iconst.i32 1
;;   @0031                               v23 = iadd.i32 v11, v22  ; v22 = 1
;;   @0032                               v24 = iconst.i64 5
;;   @0032                               v25 = load.i64 notrap aligned readonly can_move v0
;;   @0032                               v26 = load.i64 notrap aligned little region0 v25+8
;;   @0032                               v27 = isub v26, v24  ; v24 = 5
;;   @0032                               store notrap aligned little region0 v27, v25+8
;;   @0032                               jump block1(v23)
;;
;;                                   block1(v2: i32):
;;   @0032                               v28 = load.i64 notrap aligned readonly can_move v0
;;   @0032                               v29 = load.i64 notrap aligned little region0 v28+8
;;   @0032                               v30 = iconst.i64 0
;;   @0032                               v31 = icmp slt v29, v30  ; v30 = 0
;;   @0032                               trapnz v31, user11
;;   @0032                               return v2
;;   }

;; x86-64 of charged:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, [rdi]
;;      7: mov rcx, [rax+0x8]
;;      b: test rcx, rcx
;;      e: jl 0x60
;;     14: mov r9, [rax+0x8]                      ; @0021
;;     18: test r9, r9
;;     1b: jl 0x62
;;     21: mov rcx, r9
;;     24: sub rcx, 0x3
;;     28: mov [rax+0x8], rcx                     ; @0026
;;     2c: test esi, esi
;;     2e: je 0x14
;;     34: mov ecx, esi                           ; @002b
;;     36: mov rdx, [rdi+0x20]
;;     3a: mov rdx, [rdx]
;;     3d: mov [rdx], rcx
;;     40: mov rcx, r9
;;     43: sub rcx, 0x8
;;     47: mov [rax+0x8], rcx                     ; @0032
;;     4b: sub r9, 0x8
;;     4f: test r9, r9                            ; @0032
;;     52: jl 0x64
;;     58: lea eax, [rsi+0x1]                     ; @0031
;;     5b: mov rsp, rbp                           ; @0032
;;     5e: pop rbp
;;     5f: ret
;;     60: ud2                                    ; traps: all fuel consumed by WebAssembly
;;     62: ud2                                    ; @0021, traps: all fuel consumed by WebAssembly
;;     64: ud2                                    ; @0032, traps: all fuel consumed by WebAssembly

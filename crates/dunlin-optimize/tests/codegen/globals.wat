;;! off
;; The context has an array of pointers to globals, ours and imported ones alike; those that never change
;; are read as well.
(module (import "host" "g" (global $theirs (mut i64)))
  (global $ours (mut i32) (i32.const 1)) (global $fixed i32 (i32.const 7))
  (func $read (result i64) (i64.add (global.get $theirs) (i64.extend_i32_s (global.get $ours))))
  (func $fixed (result i32) (global.get $fixed))
  (func $write (param i32) (global.set $ours (local.get 0)) (global.set $theirs (i64.const 2))))

;; CLIF of read:
;;   function u0:0(i64 vmctx) -> i64 tail {
;;       region0 = 3 "Global"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64):
;;   @003c                               v2 = load.i64 notrap aligned readonly can_move v0+32
;;   @003c                               v3 = load.i64 notrap aligned readonly can_move v2
;;   @003c                               v4 = load.i64 notrap little region0 v3
;;   @003e                               v5 = load.i64 notrap aligned readonly can_move v0+32
;;   @003e                               v6 = load.i64 notrap aligned readonly can_move v5+8
;;   @003e                               v7 = load.i32 notrap little region0 v6
;;   @0040                               v8 = sextend.i64 v7
;;   @0041                               v9 = iadd v4, v8
;;   @0042                               jump block1(v9)
;;
;;                                   block1(v1: i64):
;;   @0042                               return v1
;;   }

;; CLIF of fixed:
;;   function u0:0(i64 vmctx) -> i32 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64):
;;   @0045                               v2 = load.i64 notrap aligned readonly can_move v0+32
;;   @0045                               v3 = load.i64 notrap aligned readonly can_move v2+16
;;   @0045                               v4 = load.i32 notrap readonly can_move v3
;;   @0047                               jump block1(v4)
;;
;;                                   block1(v1: i32):
;;   @0047                               return v1
;;   }

;; CLIF of write:
;;   function u0:0(i64 vmctx, i32) tail {
;;       region0 = 3 "Global"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @004c                               v2 = load.i64 notrap aligned readonly can_move v0+32
;;   @004c                               v3 = load.i64 notrap aligned readonly can_move v2+8
;;   @004c                               v4 = uextend.i64 v1
;;   @004c                               store notrap little region0 v4, v3
;;   @004e                               v5 = iconst.i64 2
;;   @0050                               v6 = load.i64 notrap aligned readonly can_move v0+32
;;   @0050                               v7 = load.i64 notrap aligned readonly can_move v6
;;   @0050                               store notrap little region0 v5, v7  ; v5 = 2
;;   @0052                               jump block1
;;
;;                                   block1:
;;   @0052                               return
;;   }

;; x86-64 of read:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r9, [rdi+0x20]                     ; @003c
;;      8: mov r8, [r9]
;;      b: mov r8, [r8]
;;      e: mov r9, [r9+0x8]                       ; @003e
;;     12: mov r9d, [r9]
;;     15: movsxd r9, r9d                         ; @0040
;;     18: lea rax, [r8+r9]                       ; @0041
;;     1c: mov rsp, rbp                           ; @0042
;;     1f: pop rbp
;;     20: ret

;; x86-64 of fixed:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rsi, [rdi+0x20]                    ; @0045
;;      8: mov rsi, [rsi+0x10]
;;      c: mov eax, [rsi]
;;      e: mov rsp, rbp                           ; @0047
;;     11: pop rbp
;;     12: ret

;; x86-64 of write:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov esi, esi                           ; @004c
;;      6: mov rdi, [rdi+0x20]
;;      a: mov r8, [rdi+0x8]
;;      e: mov [r8], rsi
;;     11: mov rdi, [rdi]                         ; @0050
;;     14: mov qword ptr [rdi], 0x2
;;     1b: mov rsp, rbp                           ; @0052
;;     1e: pop rbp
;;     1f: ret

;;! guarded off
;; Memories whose pages are bytes are checked where others are guarded, and their size is their length.
(module
  (memory $small 7 (pagesize 1))
  (memory $plain 1)
  (func $within (param i32) (result i32) (i32.load offset=3 (local.get 0)))
  (func $beyond (param i32) (result i32) (i32.load offset=4 (local.get 0)))
  (func $other (param i32) (result i32) (i32.load $plain offset=4 (local.get 0)))
  (func $size (result i32) (memory.size)))

;; CLIF of within:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       region0 = 1 "Memory"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @002a                               v3 = load.i64 notrap aligned readonly can_move v0+8
;;   @002a                               v4 = load.i64 notrap aligned readonly can_move v0+16
;;   @002a                               v5 = uextend.i64 v1
;;   @002a                               v6 = iconst.i64 -7
;;   @002a                               v7 = iadd v4, v6  ; v6 = -7
;;   @002a                               v8 = icmp ugt v5, v7
;;   @002a                               v9 = iconst.i64 0
;;   @002a                               v10 = isub v9, v3  ; v9 = 0
;;   @002a                               v11 = select_spectre_guard v8, v10, v5
;;   @002a                               v12 = iadd v3, v11
;;   @002a                               v13 = load.i32 user2 little region0 v12+3
;;   @002d                               jump block1(v13)
;;
;;                                   block1(v2: i32):
;;   @002d                               return v2
;;   }

;; CLIF of beyond:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       region0 = 1 "Memory"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0032                               v3 = load.i64 notrap aligned readonly can_move v0+8
;;   @0032                               v4 = load.i64 notrap aligned readonly can_move v0+16
;;   @0032                               v5 = uextend.i64 v1
;;   @0032                               v6 = iconst.i64 8
;;   @0032                               v7 = iadd v5, v6  ; v6 = 8
;;   @0032                               v8 = icmp ugt v7, v4
;;   @0032                               v9 = iconst.i64 0
;;   @0032                               v10 = isub v9, v3  ; v9 = 0
;;   @0032                               v11 = select_spectre_guard v8, v10, v5
;;   @0032                               v12 = iadd v3, v11
;;   @0032                               v13 = load.i32 user2 little region0 v12+4
;;   @0035                               jump block1(v13)
;;
;;                                   block1(v2: i32):
;;   @0035                               return v2
;;   }

;; CLIF of other:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       region0 = 1 "Memory"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @003a                               v3 = load.i64 notrap aligned readonly can_move v0+48
;;   @003a                               v4 = load.i64 notrap aligned readonly can_move v3+8
;;   @003a                               v5 = load.i64 notrap aligned readonly can_move v4
;;   @003a                               v6 = uextend.i64 v1
;;   @003a                               v7 = iadd v5, v6
;;   @003a                               v8 = load.i32 user2 little region0 v7+4
;;   @003e                               jump block1(v8)
;;
;;                                   block1(v2: i32):
;;   @003e                               return v2
;;   }

;; CLIF of size:
;;   function u0:0(i64 vmctx) -> i32 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64):
;;   @0041                               v2 = load.i64 notrap aligned readonly can_move v0+16
;;   @0041                               v3 = ireduce.i32 v2
;;   @0043                               jump block1(v3)
;;
;;                                   block1(v1: i32):
;;   @0043                               return v1
;;   }

;; x86-64 of within:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r9, [rdi+0x8]                      ; @002a
;;      8: mov esi, esi
;;      a: mov r8, 0xfffffffffffffff9
;;     11: add r8, [rdi+0x10]
;;     15: mov r10, r9
;;     18: neg r10
;;     1b: cmp rsi, r8                            ; @002a
;;     1e: cmova rsi, r10
;;     22: mov eax, [r9+rsi+0x3]                  ; traps: out of bounds memory access
;;     27: mov rsp, rbp                           ; @002d
;;     2a: pop rbp
;;     2b: ret

;; x86-64 of beyond:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r8, [rdi+0x8]                      ; @0032
;;      8: mov esi, esi
;;      a: lea r10, [rsi+0x8]
;;      e: mov r9, r8
;;     11: neg r9
;;     14: cmp r10, [rdi+0x10]                    ; @0032
;;     18: cmova rsi, r9
;;     1c: mov eax, [r8+rsi+0x4]                  ; traps: out of bounds memory access
;;     21: mov rsp, rbp                           ; @0035
;;     24: pop rbp
;;     25: ret

;; x86-64 of other:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rdi, [rdi+0x30]                    ; @003a
;;      8: mov rdi, [rdi+0x8]
;;      c: mov rdi, [rdi]
;;      f: mov r8d, esi
;;     12: mov eax, [rdi+r8+0x4]                  ; traps: out of bounds memory access
;;     17: mov rsp, rbp                           ; @003e
;;     1a: pop rbp
;;     1b: ret

;; x86-64 of size:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, [rdi+0x10]                    ; @0041
;;      8: mov rsp, rbp                           ; @0043
;;      b: pop rbp
;;      c: ret

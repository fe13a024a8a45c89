;;! off
;; A table that never changes: pointers to code stand in a row for each type, as many as a power of two. The index is
;; compared, and kept within the row. No type is.
(module (type $t (func (param i32) (result i32)))
  (table 2 2 funcref) (elem (i32.const 0) $a $b)
  (func $a (param i32) (result i32) (local.get 0))
  (func $b (param i32) (result i32) (i32.const 1))
  (func $calls (param i32 i32) (result i32)
    (call_indirect (type $t) (local.get 1) (local.get 0))))

;; CLIF of a:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0034                               jump block1(v1)
;;
;;                                   block1(v2: i32):
;;   @0034                               return v2
;;   }

;; CLIF of b:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0037                               v3 = iconst.i32 1
;;   @0039                               jump block1(v3)  ; v3 = 1
;;
;;                                   block1(v2: i32):
;;   @0039                               return v2
;;   }

;; CLIF of calls:
;;   function u0:0(i64 vmctx, i32, i32) -> i32 tail {
;;       region0 = 13 "Target"
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       sig0 = (i64 vmctx, i32) -> i32 tail
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32, v2: i32):
;;   @0040                               v4 = uextend.i64 v1
;;   @0040                               v5 = iconst.i64 2
;;   @0040                               v6 = icmp uge v4, v5  ; v5 = 2
;;   @0040                               trapnz v6, user4
;;   @0040                               v7 = iconst.i64 1
;;   @0040                               v8 = band v4, v7  ; v7 = 1
;;   @0040                               v9 = load.i64 notrap aligned readonly can_move v0+72
;;   @0040                               v10 = load.i64 notrap aligned readonly can_move v9+48
;;   @0040                               v11 = iconst.i64 8
;;   @0040                               v12 = imul v8, v11  ; v11 = 8
;;   @0040                               v13 = iadd v10, v12
;;   @0040                               v14 = load.i64 notrap aligned little region0 v13
;;   @0040                               v15 = call_indirect sig0, v14(v0, v2)
;;   @0043                               jump block1(v15)
;;
;;                                   block1(v3: i32):
;;   @0043                               return v3
;;   }

;; x86-64 of a:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, rsi
;;      7: mov rsp, rbp                           ; @0034
;;      a: pop rbp
;;      b: ret

;; x86-64 of b:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov eax, 0x1                           ; @0037
;;      9: mov rsp, rbp                           ; @0039
;;      c: pop rbp
;;      d: ret

;; x86-64 of calls:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, [rdi+0x58]
;;      8: mov r10, [r10+0x8]
;;      c: add r10, 0x10
;;     10: cmp r10, rsp
;;     13: ja 0x40
;;     19: mov esi, esi                           ; @0040
;;     1b: cmp rsi, 0x2
;;     1f: jae 0x42
;;     25: mov r11, [rdi+0x48]
;;     29: mov r11, [r11+0x30]
;;     2d: and rsi, 0x1
;;     31: mov r11, [r11+rsi*8]
;;     35: mov rsi, rdx
;;     38: call r11
;;     3b: mov rsp, rbp                           ; @0043
;;     3e: pop rbp
;;     3f: ret
;;     40: ud2                                    ; traps: call stack exhausted
;;     42: ud2                                    ; @0040, traps: undefined element

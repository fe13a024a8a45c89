;;! off
;; A table of offsets behind an indirect jump; the index is compared and masked.
(module
  (func $choose (param i32) (result i32)
    (block (block (block (block (br_table 0 1 2 3 (local.get 0)))
      (return (i32.const 10))) (return (i32.const 20))) (return (i32.const 30)))
    (i32.const 40)))

;; CLIF of choose:
;;   function u0:0(i64 vmctx, i32) -> i32 tail {
;;       gv0 = vmctx
;;       gv1 = load.i64 notrap aligned readonly can_move gv0+88
;;       gv2 = load.i64 notrap aligned readonly can_move gv1+8
;;       stack_limit = gv2
;;
;;                                   block0(v0: i64, v1: i32):
;;   @0023                               br_table v1, block2, [block5, block4, block3]
;;
;;                                   block5:
;;   @002a                               v3 = iconst.i32 10
;;   @002c                               return v3  ; v3 = 10
;;
;;                                   block4:
;;   @002e                               v4 = iconst.i32 20
;;   @0030                               return v4  ; v4 = 20
;;
;;                                   block3:
;;   @0032                               v5 = iconst.i32 30
;;   @0034                               return v5  ; v5 = 30
;;
;;                                   block2:
;;   @0036                               v6 = iconst.i32 40
;;   @0038                               jump block1(v6)  ; v6 = 40
;;
;;                                   block1(v2: i32):
;;   @0038                               return v2
;;   }

;; x86-64 of choose:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r8d, 0x3                           ; @0023
;;      a: mov r9d, esi
;;      d: cmp r9d, r8d
;;     10: cmovb r8d, r9d
;;     14: lea rcx, [0x24]
;;     1b: movsxd rax, [rcx+r8*4]
;;     1f: add rcx, rax
;;     22: jmp rcx
;;     24: table of 0x48 0x3e 0x34 0x52
;;     34: mov eax, 0x1e                          ; @0032
;;     39: mov rsp, rbp                           ; @0034
;;     3c: pop rbp
;;     3d: ret
;;     3e: mov eax, 0x14                          ; @002e
;;     43: mov rsp, rbp                           ; @0030
;;     46: pop rbp
;;     47: ret
;;     48: mov eax, 0xa                           ; @002a
;;     4d: mov rsp, rbp                           ; @002c
;;     50: pop rbp
;;     51: ret
;;     52: mov eax, 0x28                          ; @0036
;;     57: mov rsp, rbp                           ; @0038
;;     5a: pop rbp
;;     5b: ret

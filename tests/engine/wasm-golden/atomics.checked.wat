(func $test (type 2) (param i32) (result i64)
    (local i64 i64 i64 i32 i64)
    local.get 0
    i64.extend_i32_u
    i64.const -140733193388032
    i64.add
    local.set 3
    i64.const 1
    local.set 1
    local.get 3
    i64.const 16
    i64.add
    local.tee 2
    i32.wrap_i64
    i32.const 7
    i32.and
    if  ;; label = @1
      i32.const 9
      i32.const 1
      local.get 2
      i32.const 8
      i32.const 1
      call $fault
    end
    local.get 0
    local.tee 4
    local.get 4
    i64.load offset=16 align=1
    local.set 2
    local.get 2
    i64.const 1
    i64.add
    i64.store offset=16 align=1
    i64.const 1
    local.set 5
    i64.const 1
    return
    unreachable)

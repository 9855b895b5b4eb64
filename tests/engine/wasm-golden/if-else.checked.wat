(func $test (type 2) (param i32) (result i64)
    (local i64 i32 i64)
    local.get 0
    i64.extend_i32_u
    i64.const -140733193388032
    i64.add
    local.set 3
    local.get 0
    i64.load32_u offset=12 align=1
    local.set 1
    local.get 1
    i64.const 5
    i64.gt_u
    if  ;; label = @1
      local.get 1
      i64.const 5
      i64.sub
      local.set 1
      local.get 1
      return
    end
    local.get 1
    i32.wrap_i64
    local.set 2
    local.get 1
    i64.const 1
    i64.add
    local.set 1
    local.get 1
    return
    unreachable)

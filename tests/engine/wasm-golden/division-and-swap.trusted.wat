(func $test (type 0) (param i32) (result i64)
    (local i64 i64 i64)
    local.get 0
    i64.extend_i32_u
    i64.const -140733193388032
    i64.add
    local.set 3
    local.get 0
    i64.load32_u offset=12 align=1
    local.set 1
    i64.const 7
    local.set 2
    local.get 1
    i64.eqz
    if (result i64)  ;; label = @1
      i64.const 7
      local.get 1
      i64.mul
    else
      i64.const 7
      local.get 1
      i64.or
      i64.const 32
      i64.shr_u
      i64.eqz
      if (result i64)  ;; label = @2
        i64.const 7
        i32.wrap_i64
        local.get 1
        i32.wrap_i64
        i32.div_u
        i64.extend_i32_u
      else
        i64.const 7
        local.get 1
        i64.div_u
      end
    end
    local.set 2
    local.get 1
    i32.wrap_i64
    i32.const 1
    i32.add
    i32.const 1
    i32.le_u
    if (result i32)  ;; label = @1
      local.get 2
      i32.wrap_i64
      local.get 1
      i32.wrap_i64
      i32.const 1
      i32.add
      i32.mul
    else
      local.get 2
      i32.wrap_i64
      local.get 1
      i32.wrap_i64
      i32.rem_s
    end
    i64.extend_i32_u
    local.set 2
    local.get 2
    i32.wrap_i64
    i32.const 8
    i32.shl
    i32.const 65280
    i32.and
    local.get 2
    i32.wrap_i64
    i32.const 8
    i32.shr_u
    i32.const 255
    i32.and
    i32.or
    i64.extend_i32_u
    local.set 2
    local.get 2
    local.set 1
    local.get 1
    return
    unreachable)

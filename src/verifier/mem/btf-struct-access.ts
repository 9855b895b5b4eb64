import type { Btf } from '../../btf/index.ts';
import type { VerifierEnv } from '../env.ts';
import { fieldTypeName } from '../fields/names.ts';
import { structRecord } from '../fields/record.ts';
import { btfAccessMessages } from '../messages/btf-access.ts';
import { Rejection } from '../reject.ts';
import { PTR_TO_BTF_ID, SCALAR_VALUE } from '../state/layout.ts';
import { WALK_ERROR, WALK_PTR, WALK_STRUCT, WalkResult, walkStruct } from './btf-walk.ts';
import { isAlloc } from './pointers.ts';

/** Objects of the program's own have fields that only certain calls may touch. */
function checkNoSpecialField(
  env: VerifierEnv,
  btf: Btf,
  id: number,
  off: number,
  size: number,
): void {
  for (const field of structRecord(env, btf, id)?.fields ?? []) {
    if (off < field.offset + field.size && field.offset < off + size) {
      env.reject('EACCES', btfAccessMessages.special_field(fieldTypeName(field.type)));
    }
  }
}

/**
 * An access through a pointer of type `regType` to struct `id`: SCALAR_VALUE, or PTR_TO_BTF_ID with
 * `result.id`, `result.flags` and `result.member` filled. Mirrors btf_struct_access.
 */
export function btfStructAccess(
  env: VerifierEnv,
  btf: Btf,
  id: number,
  regType: number,
  off: number,
  size: number,
  result: WalkResult,
): number {
  const alloc = isAlloc(regType);
  if (alloc) checkNoSpecialField(env, btf, id, off, size);
  result.flags = 0;
  let next = id;
  let at = off;
  for (;;) {
    const found = walkStruct(env, btf, next, at, size, result, !alloc);
    if (found === WALK_ERROR) throw new Rejection(result.errno, result.words);
    if (found === WALK_PTR && !alloc) return PTR_TO_BTF_ID;
    if (found !== WALK_STRUCT) return SCALAR_VALUE;
    next = result.id;
    at = 0;
  }
}

/** Two types of two BTFs are the same type; base types of split BTFs are (btf_types_are_same). */
export function btfTypesAreSame(btf: Btf, id: number, otherBtf: Btf, otherId: number): boolean {
  if (id !== otherId) return false;
  return btf === otherBtf || btf.type(id) === otherBtf.type(id);
}

const scratch = new WalkResult();

/**
 * True if an object of type `id` holds one of type `needId` at `off`. Mirrors btf_struct_ids_match.
 */
export function btfIdsMatch(
  env: VerifierEnv,
  btf: Btf,
  id: number,
  off: number,
  needBtf: Btf,
  needId: number,
  strict: boolean,
  walkFlexArrays: boolean,
): boolean {
  if (off === 0 && btfTypesAreSame(btf, id, needBtf, needId)) return true;
  if (strict) return false;
  scratch.flags = 0;
  let next = id;
  let at = off;
  for (;;) {
    const found = walkStruct(env, btf, next, at, 1, scratch, walkFlexArrays);
    if (found !== WALK_STRUCT) return false;
    next = scratch.id;
    if (btfTypesAreSame(btf, next, needBtf, needId)) return true;
    at = 0;
  }
}

import type { SpecialField } from '../fields/record.ts';
import type { HelperPrototype } from './contracts.ts';

/**
 * What checking the arguments of a call found out, for the checks of later arguments and for its
 * result (struct bpf_call_arg_meta). One object serves every call: `reset` it.
 */
export class CallMeta {
  /** Map argument: index into `env.maps` plus 1; 0: none seen. */
  map = 0;
  mapUid = 0;
  /** The memory argument just seen need not be initialised. */
  rawMode = false;
  packetAccess = false;
  /** Register whose reference the call takes over; 0: none. */
  releaseRegno = 0;
  /** Raw mode: register and bytes of the stack memory that the call writes. */
  regno = 0;
  accessSize = 0;
  /** Bytes of the memory it returns. */
  memSize = 0;
  /** Greatest value the size argument can have, when it matters for the result; two words. */
  sizeMaxLow = 0;
  sizeMaxHigh = 0;
  refObjId = 0;
  dynptrId = 0;
  /** The helper that is called; undefined for other calls. */
  proto: HelperPrototype | undefined = undefined;
  /** Type of a BTF pointer argument: BTF (index plus 1) and id. */
  btf = 0;
  btfId = 0;
  /** The same for the result. */
  retBtf = 0;
  retBtfId = 0;
  /** Callback argument. */
  subprogno = 0;
  /** kptr argument: the field it points to. */
  kptrField: SpecialField | undefined = undefined;

  /** Forgets everything of the last call. */
  reset(): this {
    this.map = this.mapUid = 0;
    this.rawMode = this.packetAccess = false;
    this.releaseRegno = this.regno = this.accessSize = this.memSize = 0;
    this.sizeMaxLow = this.sizeMaxHigh = 0;
    this.refObjId = this.dynptrId = 0;
    this.proto = undefined;
    this.btf = this.btfId = this.retBtf = this.retBtfId = 0;
    this.subprogno = 0;
    this.kptrField = undefined;
    return this;
  }
}

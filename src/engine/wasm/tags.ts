import { REGION_CTX, REGION_MAP_HANDLE, REGION_STACK, TAG_BASE } from '../../runtime/layout.ts';

/** High halves of pointers to the context, the stack, the header of a map. */
export const CTX_TAG = (TAG_BASE + REGION_CTX) | 0;
export const STACK_TAG = (TAG_BASE + REGION_STACK) | 0;
export const MAP_HANDLE_TAG = (TAG_BASE + REGION_MAP_HANDLE) | 0;

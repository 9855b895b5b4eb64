/** So start declaration tags for what suffixes and flags cannot say (read by calls/kfuncs.ts). */
export const KFUNC_TAG = 'kfunc:';

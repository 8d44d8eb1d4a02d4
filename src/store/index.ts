/**
 * State on disk: results, scratch files and address reservations, whole or absent, interchangeable with the
 * reference's.
 */
export {
  copyDeviceInfo, deviceInfoPath, readDeviceInfo, removeDeviceInfo, removeInterruptedCopies,
} from "./device-info.ts";
export type { DeviceInfoKey } from "./device-info.ts";
export { refuseDataDir } from "./data-dir.ts";
export { openFileLeases } from "./file-leases.ts";
export type { Multiplexer } from "./multiplexer.ts";
export { removeInterruptedWrites, tidyNowAndThen, whyNotWritable } from "./private-directory.ts";
export { listResults, loadResult, refuseLongResultName, removeResult, saveResult } from "./result-cache.ts";
export type { CachedAttachment, ResultKey } from "./result-cache.ts";
export { openAbsentNodes } from "./shared/absent-nodes.ts";
export { openKnownSubnets } from "./shared/known-subnets.ts";
export { openReleaseJournal } from "./shared/release-journal.ts";
export { listScratch, loadScratch, removeScratch, saveScratch, setDamagedAside } from "./scratch.ts";
export type { Scratch, ScratchFile, ScratchKey } from "./scratch.ts";
export type { ScratchDelegate, ScratchRequests } from "./scratch-delegate.ts";
export { openAttachmentFiles, openContainerFiles } from "./attachment-files.ts";
export type { AttachmentFiles, ContainerFiles } from "./attachment-files.ts";

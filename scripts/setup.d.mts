export function softwareGpu(): { LD_LIBRARY_PATH: string; VK_ICD_FILENAMES: string } | undefined

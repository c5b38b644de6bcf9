import { existsSync } from 'node:fs';

/** Where chromium's software Vulkan may lie. */
const ICD_FILES = [
  '/usr/lib/chromium/vk_swiftshader_icd.json',
  '/usr/lib/chromium-browser/vk_swiftshader_icd.json',
];

/** Has Dawn use the software Vulkan that chromium ships, unless the environment names another; whether there is one. */
export function useSoftwareVulkan(): boolean {
  process.env.VK_ICD_FILENAMES ??= ICD_FILES.find((file) => existsSync(file)) ?? '';
  return process.env.VK_ICD_FILENAMES !== '';
}

import { existsSync } from 'node:fs';
import { useWebGpu } from '@sdq/kernels-webgpu';

/** Where chromium's software Vulkan may lie. */
const ICD_FILES = [
  '/usr/lib/chromium/vk_swiftshader_icd.json',
  '/usr/lib/chromium-browser/vk_swiftshader_icd.json',
];

/**
 * Starts WebGPU on the software Vulkan that chromium ships, unless VK_ICD_FILENAMES names another; says what lacks where there
 * is none. Any other failure is thrown.
 */
export async function whatWebGpuLacks(): Promise<string | undefined> {
  const file = process.env.VK_ICD_FILENAMES ?? ICD_FILES.find((file) => existsSync(file));
  if (file === undefined) return 'needs chromium, for its software Vulkan';
  process.env.VK_ICD_FILENAMES = file;
  try {
    await useWebGpu();
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('WebGPU finds no adapter')) {
      return 'needs the Vulkan loader (libvulkan1)';
    }
    throw error;
  }
  return undefined;
}

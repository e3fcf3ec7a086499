import { type Artifact, routes } from '../../../shared/contract'

/** Saves what the engine made: a native dialog in Electron, a download in a browser. Returns the name, or null when dismissed. */
export async function saveArtifact(artifact: Artifact): Promise<string | null> {
  if (window.desktop) return window.desktop.save(artifact)
  const link = document.createElement('a')
  link.href = routes.artifact(artifact.id)
  link.download = artifact.name
  document.body.append(link)
  link.click()
  link.remove()
  return artifact.name
}

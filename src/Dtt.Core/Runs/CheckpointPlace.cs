namespace Dtt.Core.Runs;

/// <summary>A checkpoint to read.</summary>
/// <param name="Folder">Its folder, absolute.</param>
/// <param name="ManifestSha256">SHA-256 of its manifest, hex.</param>
public sealed record CheckpointPlace(string Folder, string ManifestSha256);

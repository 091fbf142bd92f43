namespace Dtt.Core.Configuration;

/// <summary>A checked configuration with where it came from and where its artefacts are.</summary>
public sealed record LoadedConfig
{
    /// <summary>The configuration.</summary>
    public required RunConfig Run { get; init; }

    /// <summary>The values behind it, each with its origin.</summary>
    public required ConfigValues Values { get; init; }

    /// <summary>The artefacts' folders.</summary>
    public required ArtefactPaths Paths { get; init; }

    /// <summary>The file or folder of text that <c>dataset</c> named instead of a dataset, absolute, or null.</summary>
    public string? TextPath { get; init; }

    /// <summary>What the user should know though it is no error, one line each.</summary>
    public required IReadOnlyList<string> Notes { get; init; }
}

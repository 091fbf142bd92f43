using Dtt.Core.Errors;

namespace Dtt.Cli.Output;

/// <summary>A plot as a file.</summary>
internal static class Picture
{
    private const int Width = 1200, Height = 700;

    /// <summary>Writes a .png or .svg file.</summary>
    /// <exception cref="UserErrorException">The ending is another.</exception>
    public static void Save(ScottPlot.Plot plot, string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        _ = Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".png" => plot.SavePng(path, Width, Height),
            ".svg" => plot.SaveSvg(path, Width, Height),
            var other => throw new UserErrorException($"-o {path}: DTT does not write '{other}' pictures; use .png or .svg.", ExitCodes.BadConfiguration),
        };
    }
}

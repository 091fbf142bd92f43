using System.Runtime.InteropServices;
using Dtt.Abstractions.Errors;

namespace Dtt.Cli.Ranks;

/// <summary>Where the rank's program is and what runs it.</summary>
internal static class RankProgram
{
    /// <summary>The <c>dtt-rank.dll</c> to run: <c>DTT_RANK</c>, else beside this program, else where the build puts it.</summary>
    /// <exception cref="UserErrorException">There is none.</exception>
    public static string Assembly()
    {
        var here = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        string?[] places =
        [
            Environment.GetEnvironmentVariable("DTT_RANK"),
            Path.Combine(here, "dtt-rank.dll"),
            Path.Combine(here, "..", "..", "Dtt.Training", Path.GetFileName(here), "dtt-rank.dll"),
        ];
        return places.FirstOrDefault(File.Exists) is { } found ? Path.GetFullPath(found)
            : throw new UserErrorException("dtt-rank is not built; run `./dtt --rebuild`, or name it with DTT_RANK.");
    }

    /// <summary>The dotnet program of the runtime that runs this.</summary>
    public static string Dotnet() => Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));
}

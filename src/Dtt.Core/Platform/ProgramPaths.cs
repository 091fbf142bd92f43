using System.Runtime.InteropServices;
using Dtt.Core.Errors;

namespace Dtt.Core.Platform;

/// <summary>Where DTT's programs are and what runs them.</summary>
public static class ProgramPaths
{
    /// <summary>The assembly of <c>dtt-rank</c>: <c>DTT_RANK</c>, else where the build puts it.</summary>
    /// <exception cref="UserErrorException">There is none.</exception>
    public static string Rank() => Find("dtt-rank", "Dtt.Training", "DTT_RANK");

    /// <summary>The assembly of <c>dtt-silo</c>: <c>DTT_SILO</c>, else where the build puts it.</summary>
    /// <exception cref="UserErrorException">There is none.</exception>
    public static string Silo() => Find("dtt-silo", "Dtt.Silo", "DTT_SILO");

    /// <summary>The dotnet program of the runtime that runs this.</summary>
    public static string Dotnet() => Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));

    /// <summary>Beside this program (a publish into one folder), else in the sibling folder of its own project, built or published alike.</summary>
    private static string Find(string program, string project, string variable)
    {
        var here = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        string?[] places =
        [
            Environment.GetEnvironmentVariable(variable),
            Path.Combine(here, $"{program}.dll"),
            Path.Combine(here, "..", "..", project, Path.GetFileName(here), $"{program}.dll"),
            Path.Combine(here, "..", "..", "..", "bin", project, Path.GetFileName(here), $"{program}.dll"),
        ];
        return places.FirstOrDefault(File.Exists) is { } found ? Path.GetFullPath(found)
            : throw new UserErrorException($"{program} is not built; run `./dtt --rebuild`, or name it with {variable}.");
    }
}

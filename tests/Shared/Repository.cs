namespace Dtt.Tests;

/// <summary>The checkout that the tests were built from.</summary>
public static class Repository
{
    public static string Root { get; } = Find();

    // Programs that another checkout has published (its `artifacts`): what users run, and it starts in two thirds of the time of a debug build.
    private static readonly string? _published = Environment.GetEnvironmentVariable("DTT_TEST_PROGRAMS") is { Length: > 0 } folder ? folder : null;

    /// <summary>A path below the root.</summary>
    public static string At(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>A program's file: as it was built with the tests, or as <c>DTT_TEST_PROGRAMS</c> has it.</summary>
    public static string Built(string project, string file)
    {
        if (_published is null) return At("artifacts", "bin", project, new DirectoryInfo(AppContext.BaseDirectory).Name, file);
        const string Release = "release_linux-x64";
        var published = Path.Combine(_published, "publish", project, Release, file);
        return File.Exists(published) ? published : Path.Combine(_published, "bin", project, Release, file);
    }

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Dtt.sln"))) return folder.FullName;
        }

        throw new InvalidOperationException("the tests do not run inside a checkout of DTT.");
    }
}

using System.Diagnostics;

namespace Dtt.Bench;

/// <summary>A folder with a platform of its own, which ends with it.</summary>
internal sealed class Scratch : IDisposable
{
    /// <summary>Where DTT's launcher lies.</summary>
    public static string Repository { get; } = FindRepository();

    /// <summary>The folder.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("dtt-bench-").FullName;

    /// <summary>A path in it.</summary>
    public string At(params string[] path) => Path.Combine([Folder, .. path]);

    /// <summary>Runs a program in it to its success, and gives the seconds it took.</summary>
    public double Time(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program) { WorkingDirectory = Folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["DTT_HOME"] = At(".dtt");
        start.Environment.Remove("DTT_STATE");
        var clock = Stopwatch.StartNew();
        using var process = Process.Start(start)!;
        _ = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        process.WaitForExit();
        return process.ExitCode == 0
            ? clock.Elapsed.TotalSeconds
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {error.Result}");
    }

    /// <summary>Runs dtt.</summary>
    public double Dtt(params string[] arguments) => Time(Path.Combine(Repository, "dtt"), arguments);

    /// <summary>Settings as options of dtt.</summary>
    public static IEnumerable<string> Set(params string[] settings) => settings.SelectMany(s => new[] { "--set", s });

    public void Dispose()
    {
        if (Directory.Exists(At(".dtt"))) Dtt("silo", "stop", "--force");
        Directory.Delete(Folder, recursive: true);
    }

    /// <summary>The middle of some values, and their lowest and highest.</summary>
    public static string Spread(IEnumerable<double> values, string format)
    {
        var sorted = values.Order().ToList();
        var middle = (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
        return $"median {middle.ToString(format)} ({sorted[0].ToString(format)} to {sorted[^1].ToString(format)})";
    }

    private static string FindRepository()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Dtt.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("dtt-bench has to run inside DTT's repository.");
        return folder;
    }
}

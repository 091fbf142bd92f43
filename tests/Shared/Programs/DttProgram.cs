using System.Diagnostics;
using System.Text;
using System.Text.Json;

namespace Dtt.Tests;

/// <summary>Runs the built <c>dtt</c> as a user would: another process, in a folder of its own, with a platform in it unless another one is named, on
/// SQLite unless a PostgreSQL address is; in a network of its own when <paramref name="within"/> leads there.</summary>
public sealed class DttProgram(string workingFolder, string? home = null, string? postgres = null, string[]? within = null)
{
    private static readonly TimeSpan _timeout = TimeSpan.FromMinutes(8);

    public static string Assembly { get; } = Repository.Built("Dtt.Cli", "dtt.dll");

    public static string RankAssembly { get; } = Repository.Built("Dtt.Training", "dtt-rank.dll");

    /// <summary>Where commands run.</summary>
    public string WorkingFolder => workingFolder;

    /// <summary>The platform's home.</summary>
    public string Home { get; } = home ?? Path.Combine(workingFolder, ".dtt");

    /// <summary>The silo's process, or null while there is none.</summary>
    public int? Silo
    {
        get
        {
            var file = Path.Combine(Home, "state", "silo.json");
            try
            {
                var process = JsonDocument.Parse(File.ReadAllText(file)).RootElement.GetProperty("process").GetInt32();
                return Processes.Lives(process) ? process : null;
            }
            catch (Exception e) when (e is IOException or JsonException)
            {
                return null;
            }
        }
    }

    /// <summary>Kills the silo and waits until it is gone.</summary>
    public async Task KillSiloAsync()
    {
        if (Silo is not { } silo) return;
        Assert.Equal(0, Native.Kill(silo, Native.SigKill));
        await Wait.ForAsync("the silo's end", () => !Processes.Lives(silo));
    }

    /// <summary>Ends the silo and all its work, as the last thing.</summary>
    public async Task EndSiloAsync()
    {
        foreach (var rank in Silo is { } silo ? Processes.ChildrenOf(silo) : []) _ = Native.Kill(rank, Native.SigKill);
        await KillSiloAsync();
    }

    /// <summary>Runs to the end.</summary>
    public async Task<Result> RunAsync(string[] arguments, params (string Name, string Value)[] environment)
    {
        using var running = Start(arguments, environment);
        return await running.WaitAsync();
    }

    public Task<Result> RunAsync(params string[] arguments) => RunAsync(arguments, []);

    /// <summary>Runs to a success and gives stdout.</summary>
    public async Task<string> OutputAsync(params string[] arguments)
    {
        var result = await RunAsync(arguments);
        Assert.True(result.ExitCode == 0, $"dtt {string.Join(' ', arguments)} ended with {result.ExitCode}: {result.Error}");
        return result.Output;
    }

    public async Task<JsonElement> JsonAsync(params string[] arguments) => JsonDocument.Parse(await OutputAsync([.. arguments, "--json"])).RootElement;

    public Running Start(string[] arguments, params (string Name, string Value)[] environment)
    {
        string[] command = [.. within ?? [], "dotnet", Assembly, .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = workingFolder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        start.Environment["OMP_NUM_THREADS"] = "1";
        start.Environment["DTT_HOME"] = Home;
        start.Environment["DOTNET_TieredPGO"] = "0"; // as the launcher does
        start.Environment.Remove("DTT_STATE");
        start.Environment["DTT_POSTGRES"] = postgres ?? "";
        foreach (var (name, value) in environment) start.Environment[name] = value;
        var process = Process.Start(start)!;
        process.StandardInput.Close();
        return new Running(process);
    }

    public sealed record Result(int ExitCode, string Output, string Error);

    public sealed class Running : IDisposable
    {
        private readonly StringBuilder _output = new(), _error = new();

        public Running(Process process)
        {
            Process = process;
            process.OutputDataReceived += (_, line) => Add(_output, line.Data);
            process.ErrorDataReceived += (_, line) => Add(_error, line.Data);
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
        }

        public Process Process { get; }

        public string ErrorSoFar
        {
            get
            {
                lock (_error) return _error.ToString();
            }
        }

        public async Task<Result> WaitAsync()
        {
            using var late = new CancellationTokenSource(_timeout);
            await Process.WaitForExitAsync(late.Token);
            lock (_output) lock (_error) return new Result(Process.ExitCode, _output.ToString(), _error.ToString());
        }

        public void Signal(int signal) => Assert.Equal(0, Native.Kill(Process.Id, signal));

        public void Dispose()
        {
            if (!Process.HasExited) Process.Kill(entireProcessTree: true);
            Process.Dispose();
        }

        private static void Add(StringBuilder text, string? line)
        {
            if (line is null) return;
            lock (text) text.AppendLine(line);
        }
    }
}

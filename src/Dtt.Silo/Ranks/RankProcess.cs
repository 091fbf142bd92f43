using System.Diagnostics;
using System.Globalization;
using System.IO.Pipes;
using Dtt.Core.Platform;
using Dtt.Core.Ranks;

namespace Dtt.Silo.Ranks;

/// <summary>A rank as a child process: the protocol over two inherited pipes, whatever it prints into a log file.</summary>
internal sealed class RankProcess : IDisposable
{
    // What it prints goes into the file without the silo: its last line is there, also when the silo dies first.
    private const string Shell = """f=$0; { : >> "$f"; } 2> /dev/null || f=/dev/null; exec "$@" >> "$f" 2>&1""";
    private const int LinesKept = 3;
    private const int TailBytes = 4096;
    private readonly Process _process;
    private readonly string _logFile;
    private readonly long _killsForMemory = KillsForMemory();

    private RankProcess(Process process, MessagePipe pipe, string logFile)
    {
        (_process, Pipe, _logFile) = (process, pipe, logFile);
    }

    /// <summary>The protocol.</summary>
    public MessagePipe Pipe { get; }

    /// <summary>The process id.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Whether somebody has stopped it (SIGSTOP): it waits for nobody.</summary>
    public bool IsStopped()
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{Id}/stat"); // proc(5): the state follows the name in brackets
            return stat[stat.LastIndexOf(')') + 2] is 'T' or 't';
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>The last lines that it printed.</summary>
    public IReadOnlyList<string> LastLines()
    {
        if (!File.Exists(_logFile)) return [];
        using var log = new FileStream(_logFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        log.Position = Math.Max(0, log.Length - TailBytes);
        return [.. new StreamReader(log).ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).TakeLast(LinesKept)];
    }

    /// <summary>Starts a rank and sends it its work.</summary>
    /// <param name="spec">The work.</param>
    /// <param name="logFile">Where whatever it prints goes.</param>
    /// <param name="environment">What it has in its environment beside the silo's own, less what belongs to runs.</param>
    public static async Task<RankProcess> StartAsync(RankMessage spec, string logFile, IReadOnlyDictionary<string, string> environment)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(logFile)!);
        var rank = await SpawnerThread.RunAsync(() => Spawn(logFile, environment));
        await rank.SendAsync(spec);
        return rank;
    }

    /// <summary>Sends a message, unless the rank is gone: then the end of its pipe tells the reader of its messages.</summary>
    public async Task SendAsync(RankMessage message)
    {
        try
        {
            await Pipe.SendAsync(message);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // Died or left after its last message.
        }
    }

    /// <summary>Kills it at once.</summary>
    public void Kill()
    {
        if (!_process.HasExited) _process.Kill();
    }

    /// <summary>Waits for its end; how it ended.</summary>
    public async Task<RankExit> WaitAsync()
    {
        await _process.WaitForExitAsync();
        return RankExit.Of(_process.ExitCode, KillsForMemory() > _killsForMemory);
    }

    public void Dispose()
    {
        Kill();
        Pipe.Dispose();
        _process.Dispose();
    }

    /// <summary>How often the kernel has killed a process of this machine for want of memory (<c>/proc/vmstat</c>).</summary>
    private static long KillsForMemory()
    {
        const string name = "oom_kill ";
        return File.ReadLines("/proc/vmstat").FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal)) is { } line
            ? long.Parse(line[name.Length..], CultureInfo.InvariantCulture) : 0;
    }

    private static RankProcess Spawn(string logFile, IReadOnlyDictionary<string, string> environment)
    {
        var toRank = new AnonymousPipeServerStream(PipeDirection.Out, HandleInheritability.Inheritable);
        var fromRank = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.Inheritable);
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardInput = true };
        string[] arguments =
        [
            "-c", Shell, logFile, ProgramPaths.Dotnet(), ProgramPaths.Rank(),
            "--pipe", toRank.GetClientHandleAsString(), fromRank.GetClientHandleAsString(),
            "--parent", Environment.ProcessId.ToString(),
        ];
        foreach (var argument in arguments) start.ArgumentList.Add(argument);

        foreach (var name in start.Environment.Keys.Where(n => RankEnvironment.Owns(n) || SecretVariables.All.Contains(n)).ToList())
            start.Environment.Remove(name);
        foreach (var (name, value) in environment) start.Environment[name] = value;
        RankEnvironment.Complete(start.Environment);
        start.Environment[OwnerSweep.Variable] = OwnerSweep.ThisOwner;
        var process = Process.Start(start)!;
        process.StandardInput.Close();
        toRank.DisposeLocalCopyOfClientHandle();
        fromRank.DisposeLocalCopyOfClientHandle();
        return new RankProcess(process, new MessagePipe(fromRank, toRank), logFile);
    }
}

using System.Diagnostics;

namespace Dtt.Tests;

/// <summary>A real PostgreSQL in a folder of its own, on loopback, as an unprivileged user, with SCRAM.</summary>
public sealed class PostgresServer : IAsyncDisposable
{
    public const string User = "dtt", Password = "not/for@logs";

    private static readonly string? _programs = Directory.Exists("/usr/lib/postgresql")
        ? Directory.EnumerateDirectories("/usr/lib/postgresql").Where(d => File.Exists($"{d}/bin/initdb")).Select(d => $"{d}/bin").Max() : null;

    private readonly TempFolder _folder = new();
    private readonly string[] _within;
    private readonly string _address;
    private Process? _server;

    private PostgresServer(string[] within, string address) => (_within, _address, Port) = (within, address, Ports.Free());

    /// <summary>Why there can be no server, or null.</summary>
    public static string? Missing => _programs is null ? "PostgreSQL is not installed (apt-get install postgresql)" : null;

    public int Port { get; }

    /// <summary>A server that accepts connections; the test is skipped where none is installed.</summary>
    /// <param name="within">What runs a program where the server is to be, when its command line follows; default: here.</param>
    /// <param name="address">Where it listens there.</param>
    public static async Task<PostgresServer> StartAsync(string[]? within = null, string address = "127.0.0.1")
    {
        Assert.SkipWhen(Missing is not null, Missing ?? "");
        var server = new PostgresServer(within ?? [], address);
        server._folder.Write("password", Password);
        if (Environment.IsPrivilegedProcess) await server.RunAsync("chown", "-R", "postgres", server._folder.Path); // the server refuses root
        await server.RunAsServerAsync($"{_programs}/initdb", "-D", server._folder["data"], "-U", User, "--pwfile", server._folder["password"],
            "-A", "scram-sha-256", "-E", "UTF8", "--locale", "C.UTF-8");
        server._folder.Write("data/pg_hba.conf", "local all all scram-sha-256\nhost all all samenet scram-sha-256\n");
        await server.RestartAsync();
        return server;
    }

    /// <summary>A database's address, as <c>DTT_POSTGRES</c> takes it.</summary>
    public string Address(string database, string user = User, string password = Password) =>
        $"postgresql://{user}:{Uri.EscapeDataString(password)}@{_address}:{Port}/{database}";

    /// <summary>A new database, and its address.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = $"d{Guid.NewGuid():n}";
        await SqlAsync("postgres", $"CREATE DATABASE {name}");
        return Address(name);
    }

    /// <summary>Executes with psql; what it printed.</summary>
    public Task<string> SqlAsync(string database, string sql) =>
        RunAsync($"{_programs}/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", Address(database), "-c", sql);

    /// <summary>SIGKILL for the postmaster; its children end when they notice.</summary>
    public async Task KillAsync()
    {
        _server!.Kill();
        await _server.WaitForExitAsync();
    }

    /// <summary>Starts it again, when the children of the killed one are gone, and waits until it accepts connections.</summary>
    public async Task RestartAsync()
    {
        await Wait.UntilAsync("the server", async () =>
        {
            if (_server is null or { HasExited: true }) _server = StartAsServer($"{_programs}/postgres", "-D", _folder["data"],
                "-h", _address, "-p", $"{Port}", "-k", _folder.Path, "-c", "synchronous_commit=off"); // DTT relies on its own setting
            using var ready = Start(null, $"{_programs}/pg_isready", "-q", "-h", _address, "-p", $"{Port}");
            await ready.WaitForExitAsync();
            return ready.ExitCode == 0;
        });
    }

    /// <summary>Stops all of its processes where they are, or lets them go on.</summary>
    public async Task SignalAsync(string signal)
    {
        using var children = Start(null, "pkill", $"-{signal}", "-P", $"{_server!.Id}");
        await children.WaitForExitAsync();
        await RunAsync("kill", $"-{signal}", $"{_server.Id}");
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is { HasExited: false })
        {
            await RunAsync("kill", "-INT", $"{_server.Id}"); // fast shutdown
            await _server.WaitForExitAsync();
        }

        _server?.Dispose();
        _folder.Dispose();
    }

    private async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Start(null, program, arguments);
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {await error}");
        return (await output).Trim();
    }

    private async Task RunAsServerAsync(string program, params string[] arguments)
    {
        using var process = StartAsServer(program, arguments);
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
    }

    private Process StartAsServer(string program, params string[] arguments)
    {
        string[] command = [program, .. arguments];
        if (Environment.IsPrivilegedProcess) command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", .. command];
        var log = _folder["log"];
        return Start(_folder.Path, "/bin/sh", ["-c", $"exec \"$@\" >> '{log}' 2>&1 < /dev/null", "sh", .. command]);
    }

    private Process Start(string? folder, string program, params string[] arguments)
    {
        string[] command = [.. _within, program, .. arguments];
        return Process.Start(new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = folder ?? "/",
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
    }
}

using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>What <c>dtt doctor</c> finds on a machine of whose faults each is provoked alone.</summary>
public sealed class DoctorTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly DttProgram _dtt;

    public DoctorTests() => _dtt = new DttProgram(_folder.Path);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Doctor_WhereNothingIsWrong_SaysSo_AndStartsNoSilo()
    {
        var found = await ExamineAsync();
        Assert.DoesNotContain(found.Values, c => c.Fault);
        Assert.Equal([".NET", "folders", "disk", "certificates", "store", "settings", "silo", "libtorch", "open files", "processes", "memory", "cores",
            "shared memory"], found.Keys);
        Assert.StartsWith("libtorch 2.", found["libtorch"].Found);
        Assert.Null(_dtt.Silo);
    }

    [Fact]
    public async Task Doctor_ReadsTheAlerts()
    {
        var file = Path.Combine(Directory.CreateDirectory(_dtt.Home).FullName, "platform.yaml");
        await File.WriteAllTextAsync(file, "alerts:\n  - command: [/bin/true]\n", TestContext.Current.CancellationToken);
        Assert.Equal($"1 in {file}", (await ExamineAsync())["alerts"].Found);
        await File.WriteAllTextAsync(file, "alerts:\n  - comand: [/bin/true]\n", TestContext.Current.CancellationToken);
        var wrong = (await ExamineAsync())["alerts"];
        Assert.True(wrong.Fault);
        Assert.Contains($"{file}:2: ", wrong.Found);
    }

    [Fact]
    public async Task Doctor_WithASilo_AsksThat()
    {
        _ = await _dtt.OutputAsync("nodes");
        try
        {
            var found = await ExamineAsync();
            Assert.DoesNotContain(found.Values, c => c.Fault);
            Assert.Equal("as here", found["clock"].Found);
            Assert.Contains("nothing is wrong.", (await _dtt.RunAsync("doctor")).Error);
        }
        finally
        {
            await _dtt.EndSiloAsync();
        }

        Assert.Contains("was killed, and the next command starts another", (await ExamineAsync())["silo"].Found);
    }

    [Theory]
    [InlineData("folders", "DTT_STATE", "/sys/dtt", "/sys/dtt cannot be used", "with DTT_STATE.")]
    [InlineData("folders", "DTT_HOME", "/sys/dtt", "/sys/dtt cannot be used", "with DTT_HOME.")]
    [InlineData("store", "DTT_POSTGRES", "postgresql://u@127.0.0.1:1/d", "PostgreSQL at 127.0.0.1:1/d does not answer", "Start it, or correct")]
    [InlineData("store", "DTT_POSTGRES", "mysql://u@h/d", "DTT_POSTGRES cannot be used", "Write it as")]
    [InlineData("settings", "DTT_NODE", "a b", "the node's name is 'a b'", "Name it with DTT_NODE.")]
    [InlineData("libtorch", "DTT_LIBTORCH", "/nowhere", "DTT_LIBTORCH is /nowhere", "it takes the folder")]
    [InlineData("libtorch", "CUDA_VISIBLE_DEVICES", "0", "GPU", "")]
    public async Task Doctor_WithASettingThatIsWrong_SaysWhatAndWhatToDo(string check, string variable, string value, string what, string todo)
    {
        Assert.SkipWhen(variable == "CUDA_VISIBLE_DEVICES" && File.Exists("/dev/nvidia0"), "there is a GPU");
        AssertFault(await ExamineAsync((variable, value)), check, what, todo);
    }

    [Fact]
    public async Task Doctor_WithAPortThatIsTaken_NamesIt()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = $"{((IPEndPoint)other.LocalEndpoint).Port}";
        AssertFault(await ExamineAsync(("DTT_SILO_PORT", port)), "settings", $"DTT_SILO_PORT is {port}", "taken by another program");
    }

    [Fact]
    public async Task Doctor_WithAHomeThatDoesNotExist_FindsThatItIsNotNeeded() =>
        Assert.Contains($"HOME is '{_folder["nowhere"]}', which does not exist", (await ExamineAsync(("HOME", _folder["nowhere"])))["folders"].Found);

    [Fact]
    public async Task Doctor_WithDamagedCertificates_SaysWhichFile()
    {
        _ = await ExamineAsync();
        var file = Path.Combine(_dtt.Home, "tls", "silo.pfx");
        File.WriteAllText(file, "damaged");
        AssertFault(await ExamineAsync(), "certificates", $"{file} is damaged", "delete");
    }

    [Theory]
    [InlineData("ulimit -n 512", "open files", "512, and at least 2048 are needed", "ulimit -n")]
    [InlineData("ulimit -Su 1000", "processes", "1000, and at least 1024 are needed", "ulimit -u")]
    [InlineData("taskset -cp 0 $$ > /dev/null", "cores", "allows one of", "--cpus-per-task")]
    public async Task Doctor_UnderALimit_SaysWhatIsNeeded(string limit, string check, string what, string todo)
    {
        Assert.SkipWhen(check == "cores" && Environment.ProcessorCount == 1, "there is only one core");
        AssertFault(await ExamineAsync($"{limit}; exec \"$@\""), check, what, todo);
    }

    [Fact]
    public async Task Doctor_WithAFullDisk_SaysHowMuchIsFree()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root mounts a small disk");
        var disk = Directory.CreateDirectory(_folder["disk"]).FullName;
        AssertFault(await ExamineAsync($"unshare -m bash -c 'mount -t tmpfs -o size=64k none \"$0\" && exec \"$@\"' '{disk}' \"$@\"", ("DTT_STATE", disk)),
            "disk", $"{disk} has 0 MB free, and 537 MB are needed", "DTT_STATE");
    }

    [Fact]
    public async Task Doctor_WithASiloThatNeitherServesNorEnds_NamesItsLock()
    {
        var file = Path.Combine(_dtt.Home, "state", "silo.lock");
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        using var holder = new FileStream(file, FileMode.Create, FileAccess.ReadWrite, FileShare.None);
        AssertFault(await ExamineAsync(), "silo", $"a silo holds {file} and serves nobody", $"fuser {file}");
    }

    private static void AssertFault(Dictionary<string, Result> found, string check, string what, string todo)
    {
        Assert.True(found[check].Fault, string.Join('\n', found));
        Assert.Contains(what, found[check].Found);
        Assert.Contains(todo, found[check].Found);
        Assert.DoesNotContain(found, c => c.Value.Fault && c.Key != check);
    }

    private Task<Dictionary<string, Result>> ExamineAsync(params (string Name, string Value)[] environment) => ExamineAsync("exec \"$@\"", environment);

    private async Task<Dictionary<string, Result>> ExamineAsync(string script, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("bash", ["-c", script, "bash", "dotnet", DttProgram.Assembly, "doctor", "--json"])
        {
            WorkingDirectory = _folder.Path,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in start.Environment.Keys.Where(n => n.StartsWith("DTT_", StringComparison.Ordinal)).ToList()) start.Environment.Remove(name);
        start.Environment["DTT_HOME"] = _dtt.Home;
        foreach (var (name, value) in environment) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(output.StartsWith('['), $"{output}{await error}");
        var found = JsonDocument.Parse(output).RootElement.EnumerateArray().ToList();
        Assert.Equal(found.Any(c => c.GetProperty("fault").GetBoolean()) ? 1 : 0, process.ExitCode);
        return found.Where(c => c.GetProperty("check").GetString() != "ranks") // other tests kill silos
            .ToDictionary(c => c.GetProperty("check").GetString()!, c => new Result(c.GetProperty("fault").GetBoolean(), c.GetProperty("found").GetString()!));
    }

    private sealed record Result(bool Fault, string Found);
}

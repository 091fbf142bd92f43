using System.Text.Json;
using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>A run's folder is enough: moved, under another platform, with its project or alone, it is sampled and resumed to the same weights.</summary>
[Collection(ModelAndCommandTests.Name)]
public sealed class AdoptTests(TinyProject project) : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private readonly List<DttProgram> _platforms = [];

    /// <summary>A project of its own: the shared one's configuration and data.</summary>
    public ValueTask InitializeAsync()
    {
        foreach (var part in new[] { "configs", "data", "tokenizers" }) Copy(Path.Combine(project.Path, part), _folder[$"here/{part}"]);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var platform in _platforms) await platform.EndSiloAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Run_ThatWasMoved_IsListedWhereItIs_AndResumesToTheSameWeights()
    {
        var dtt = Platform("here", "home");
        await HalfTrainAsync(dtt, "a");
        Directory.Move(_folder["here/runs/a"], _folder["here/runs/b"]);
        Assert.Contains("b", (await dtt.JsonAsync("runs")).EnumerateArray().Select(r => r.GetProperty("run").GetString()));
        await dtt.OutputAsync("resume", "./runs/b/");
        await project.CheckUndisturbedAsync("b", dtt);
        Assert.Equal([$"the run came here from {_folder["here/runs/a"]}"], TinyProject.EventsOf(await dtt.JsonAsync("show", "b"), "adopted"));

        await dtt.RunAsync("stop", "a");
        Assert.Equal(["b"], (await dtt.JsonAsync("runs")).EnumerateArray().Select(r => r.GetProperty("run").GetString()));
        Assert.Contains("here/runs/a is gone", (await dtt.RunAsync("show", "a")).Error);
        await dtt.OutputAsync("delete", "a", "--yes");
        Directory.Move(_folder["here/runs/b"], _folder["here/runs/a"]);
        Assert.Equal(project.Undisturbed, await project.FinalWeightsAsync("a", dtt));
    }

    [Fact]
    public async Task Run_ThatAnotherPlatformTrains_IsRefusedWithItsName_AndTakenByForce()
    {
        var (theirs, ours) = (Platform("here", "theirs"), Platform("here", "ours"));
        await HalfTrainAsync(theirs, "a");
        foreach (var command in new[] { "show", "adopt" })
        {
            var refused = await ours.RunAsync(command, "./runs/a");
            Assert.Equal(1, refused.ExitCode);
            Assert.Contains($"is being trained by the platform in {theirs.Home}. Stop it there first: `DTT_HOME={theirs.Home} dtt stop ", refused.Error);
        }

        Assert.Equal("a", (await ours.OutputAsync("adopt", "runs/a", "--force")).Trim());
        Assert.Contains("has run 'a' already", (await ours.RunAsync("adopt", "runs/a")).Error);
        await ours.OutputAsync("resume", "a");
        await project.CheckUndisturbedAsync("a", ours);
    }

    [Fact]
    public async Task Project_ThatWasMoved_ResumesUnderAnotherPlatform_ToTheSameWeights()
    {
        LongTests.Only();
        await HalfTrainAsync(Platform("here", "home"), "a");
        Directory.Move(_folder["here"], _folder["there"]);
        var dtt = Platform("there", "other");
        await dtt.OutputAsync("resume", "a");
        await project.CheckUndisturbedAsync("a", dtt);
        string[] Sample(string run) => ["sample", run, "-n", "8", "-t", "0"];
        Assert.Equal(await project.Dtt.OutputAsync(Sample("undisturbed")), await dtt.OutputAsync(Sample("a")));
    }

    [Fact]
    public async Task Run_ThatWasCopiedAlone_SamplesAndExports_AndSaysWhatResumingNeeds()
    {
        await HalfTrainAsync(Platform("here", "home"), "a");
        Copy(_folder["here/runs/a"], _folder["usb/stick/a"]);
        Directory.Delete(_folder["here"], recursive: true);
        var dtt = Platform("usb", "other");
        Assert.StartsWith("the", await dtt.OutputAsync("sample", "./stick/a", "-p", "the", "-n", "5"));
        await dtt.OutputAsync("export", "./stick/a", "-o", "exported");
        Assert.True(File.Exists(_folder["usb/exported/tokenizer.json"]));
        var resumed = await dtt.RunAsync("resume", "./stick/a");
        Assert.Equal(3, resumed.ExitCode);
        Assert.Contains($"there are no tokens in {_folder["usb/data/tiny/tokens/"]}", resumed.Error);
    }

    [Fact]
    public async Task Folder_WithoutAState_IsRefusedWithWhatIsMissing()
    {
        Directory.CreateDirectory(_folder["here/runs/a/checkpoints/step_00000010.a01"]);
        Directory.CreateDirectory(_folder["here/runs/b"]);
        var dtt = Platform("here", "home");
        foreach (var command in new[] { "adopt", "sample" })
        {
            var result = await dtt.RunAsync(command, "./runs/a");
            Assert.Equal(3, result.ExitCode);
            Assert.Contains("runs/a has checkpoints, but no state of a run: run.platform.json (of a standalone run: run.json) is missing", result.Error);
        }

        Assert.Contains("runs/b is not the folder of a run", (await dtt.RunAsync("adopt", "./runs/b")).Error);
        var nowhere = await dtt.RunAsync("adopt", "./runs/c");
        Assert.Equal((2, $"there is no folder {_folder["here/runs/c"]}."), (nowhere.ExitCode, nowhere.Error.Trim()));
    }

    private DttProgram Platform(string workingFolder, string home)
    {
        Directory.CreateDirectory(_folder[workingFolder]);
        var platform = new DttProgram(_folder[workingFolder], _folder[home]);
        _platforms.Add(platform);
        return platform;
    }

    /// <summary>Trains until there is a checkpoint; the platform dies before it takes a second one.</summary>
    private static async Task HalfTrainAsync(DttProgram dtt, string run)
    {
        var state = Path.Combine(dtt.WorkingFolder, "runs", run, "run.platform.json");
        _ = await dtt.RunAsync(["train", "-n", run, "--detach"], ("DTT_CRASH_AT", "silo.before-commit:2"));
        var ranks = new HashSet<int>();
        await Wait.ForAsync("the platform's end", () =>
        {
            if (dtt.Silo is not { } silo) return true;
            ranks.UnionWith(Processes.ChildrenOf(silo));
            return false;
        });
        await Wait.ForAsync("the ranks' end", () => !ranks.Any(Processes.Lives));
        Assert.Equal("Running", Record(state).GetProperty("state").GetString());
        Assert.Equal(1, Record(state).GetProperty("checkpoints").GetArrayLength());
    }

    private static JsonElement Record(string state) => JsonDocument.Parse(File.ReadAllBytes(state)).RootElement.GetProperty("run").GetProperty("record");

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }
}

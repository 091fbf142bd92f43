using System.Text.Json;
using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>What <c>--json</c> prints, pinned: scripts read these names, in this order, with these types.</summary>
[Collection(ModelAndCommandTests.Name)]
public sealed class JsonOutputTests(TinyProject project)
{
    private const string Run =
        "run:String state:String step:Number total_steps:Number train_loss:Number val_loss:Number tokens:Number tokens_per_second:Number attempts:Number "
        + "folder:String";

    private const string Event = "at:String kind:String message:String";

    private const string Checkpoint =
        "step:Number attempt:Number best:Boolean pinned:Boolean val_loss:Number bytes:Number weights_sha256:String path:String";

    [Theory]
    [InlineData(Run, "runs")]
    [InlineData(Event, "events", "undisturbed")]
    [InlineData(Checkpoint, "checkpoints", "undisturbed")]
    [InlineData("dataset:String what:String stage:String pieces:Number pieces_done:Number notes:Array folder:String nodes:Array", "datasets")]
    [InlineData("run:String step:Number prompt:String text:String tokens:Number seconds:Number", "sample", "undisturbed", "-n", "3")]
    public async Task List_IsPinned(string shape, params string[] command) =>
        Assert.Equal(shape, Shape((await project.Dtt.JsonAsync(command))[0]));

    [Fact]
    public async Task Show_IsPinned()
    {
        var shown = await project.Dtt.JsonAsync("show", "undisturbed");
        Assert.Equal($"{Run} experiment:String waiting:Null config:Object events:Array checkpoints:Array placements:Array history:Array goodput:Object "
            + "left_out:Array", Shape(shown));
        var goodput = shown.GetProperty("goodput");
        Assert.Equal("share:Number seconds:Number useful_seconds:Number lost_seconds:Object node_hours:Number", Shape(goodput));
        Assert.InRange(goodput.GetProperty("share").GetDouble(), 1e-6, 1);
        Assert.Equal(Event, Shape(shown.GetProperty("events")[0]));
        Assert.Equal(Checkpoint, Shape(shown.GetProperty("checkpoints")[0]));
    }

    [Fact]
    public async Task Metrics_IsPinned()
    {
        var rows = await project.Dtt.JsonAsync("metrics", "undisturbed");
        Assert.Equal("step:Number val_bits_per_byte:Number val_loss:Number val_perplexity:Number", Shape(rows[0]));
        Assert.Equal(
            ["step", "grad_norm", "learning_rate", "memory_bytes", "mfu", "step_seconds", "tokens_per_second", "train_loss"],
            rows[1].EnumerateObject().Select(p => p.Name));
    }

    [Fact]
    public async Task SiloStatus_IsPinned() => Assert.Equal(
        "running:Boolean process:Number build:String started_at:String memory_bytes:Number clients:Number work:Array devices:Array state:String",
        Shape(await project.Dtt.JsonAsync("silo", "status")));

    [Fact]
    public async Task Evaluate_IsPinned() => Assert.Equal(
        "val_bits_per_byte:Number val_loss:Number val_perplexity:Number", Shape(await project.Dtt.JsonAsync("evaluate", "undisturbed")));

    [Fact]
    public async Task Queue_IsPinned()
    {
        Assert.Equal(0, (await project.Dtt.JsonAsync("queue")).GetArrayLength());
        Assert.Contains("no runs are waiting", (await project.Dtt.RunAsync("queue")).Error);
        string[] longRun = ["--detach", "-e", "1000", "--set", "max_steps=100000"];
        await project.Dtt.OutputAsync(["train", "-n", "ahead", .. longRun]);
        await Wait.ForAsync("a step", () => project.StepsReported("ahead") >= 1);
        await project.Dtt.OutputAsync(["train", "-n", "behind", .. longRun]);
        await Wait.UntilAsync("the run in the queue", async () => (await project.Dtt.JsonAsync("queue")).GetArrayLength() == 1);
        var row = (await project.Dtt.JsonAsync("queue")).EnumerateArray().Single();
        Assert.Equal("run:String priority:Number since:String device:String reason:String folder:String", Shape(row));
        Assert.Matches(@"^run +priority +since +device +reason\nbehind +0 ", await project.Dtt.OutputAsync("queue"));
        await project.Dtt.OutputAsync("stop", "behind");
        await project.Dtt.OutputAsync("stop", "ahead");
    }

    /// <summary>An object's names and types, in their order.</summary>
    private static string Shape(JsonElement element) => string.Join(' ', element.EnumerateObject().Select(Describe));

    private static string Describe(JsonProperty property) =>
        $"{property.Name}:{(property.Value.ValueKind is JsonValueKind.True or JsonValueKind.False ? "Boolean" : property.Value.ValueKind)}";
}

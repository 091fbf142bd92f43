using System.Globalization;
using System.Text;
using Dtt.Abstractions;
using Dtt.Core.Platform;
using Dtt.Core.Ranks;
using Dtt.Tui.Data;
using Dtt.Tui.Drawing;

namespace Dtt.Tui.Pages;

/// <summary>The playground: a prompt and its settings, and the text of a checkpoint as it is made.</summary>
internal sealed class PlayPage(string folder, long step) : Page
{
    private readonly (string Name, TextInput Input)[] _fields =
        [("prompt", new TextInput("Once upon a time")), ("temperature", new TextInput("0.8")), ("top k", new TextInput("50")), ("seed", new TextInput("1")), ("tokens", new TextInput("120"))];

    private readonly StringBuilder _text = new();
    private int _field;
    private string _state = "Enter samples.";
    private CancellationTokenSource? _sampling;

    public override string Title => $"Runs › {Path.GetFileName(folder)} › play {step.ToString("N0", CultureInfo.InvariantCulture)}";

    public override Keys.Where Where => Keys.Where.Play;

    public override Task RefreshAsync(IPlatform platform) => Task.CompletedTask;

    public override void Draw(Canvas canvas)
    {
        for (var i = 0; i < _fields.Length; i++)
        {
            canvas.Text(2, 1 + i, _fields[i].Name, Ink.Dim);
            canvas.Text(15, 1 + i, _fields[i].Input.Text + (i == _field ? "▏" : ""), i == _field ? Ink.Accent : Ink.Plain, canvas.Width - 16);
        }

        var y = _fields.Length + 2;
        canvas.Frame(0, y, canvas.Width, canvas.Height - y - 1, $"step {step.ToString("N0", CultureInfo.InvariantCulture)}   {_state}");
        string text;
        lock (_text) text = _text.ToString();
        var row = y + 1;
        foreach (var line in Wrap(text, canvas.Width - 4).TakeLast(Math.Max(1, canvas.Height - y - 3))) canvas.Text(2, row++, line);
    }

    public override bool Take(KeyPress key, Shell shell)
    {
        switch (key.Name)
        {
            case "tab" or "down":
                _field = (_field + 1) % _fields.Length;
                return true;
            case "up":
                _field = (_field + _fields.Length - 1) % _fields.Length;
                return true;
            case "esc":
                _sampling?.Cancel();
                return false;
            case "enter":
                Sample(shell);
                return true;
            default:
                return _fields[_field].Input.Take(key);
        }
    }

    private void Sample(Shell shell)
    {
        double Number(int field) => double.TryParse(_fields[field].Input.Text, CultureInfo.InvariantCulture, out var n) ? n : double.NaN;
        var (temperature, topK, seed, tokens) = (Number(1), Number(2), Number(3), Number(4));
        if (!(temperature is >= 0 and < 1000) || !(topK is >= 0 and < 1e9) || !(Math.Abs(seed) < 1e15) || !(tokens is >= 1 and < 100_000))
        {
            shell.Say("temperature and top k take 0 or more, seed a whole number, tokens at least 1.");
            return;
        }

        _sampling?.Cancel();
        var mine = _sampling = new CancellationTokenSource();
        lock (_text) _text.Clear().Append(_fields[0].Input.Text);
        _state = "loading …";
        var order = new SampleRequest
        {
            Run = folder,
            Step = step,
            Prompt = _fields[0].Input.Text,
            MaxTokens = (int)tokens,
            Count = 1,
            Temperature = temperature,
            TopK = (int)topK,
            TopP = 1,
            Seed = (long)seed,
            Environment = RankEnvironment.OfThisProcess(),
        };
        shell.Do(null, async platform =>
        {
            await foreach (var message in platform.SampleAsync(order, mine.Token))
            {
                if (message is SampledText sampled)
                {
                    lock (_text) _text.Append(sampled.Text);
                    _state = sampled.Done ? string.Create(CultureInfo.InvariantCulture, $"{sampled.Tokens} tokens, {sampled.Tokens / Math.Max(sampled.Seconds, 1e-9):N0} tok/s") : "sampling …";
                }
                else if (message is RankFailed failed) _state = failed.Message;
                shell.Redraw();
            }
        });
    }

    internal static IEnumerable<string> Wrap(string text, int width)
    {
        foreach (var paragraph in text.Split('\n'))
        {
            var rest = paragraph;
            while (rest.Length > width && width > 0)
            {
                var cut = rest.LastIndexOf(' ', width - 1);
                if (cut <= 0) cut = width;
                yield return rest[..cut];
                rest = rest[cut..].TrimStart(' ');
            }

            yield return rest;
        }
    }
}
